"""The clock that ages a mirror: it counts the time a machine slept (PROTOCOL 3)."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Return seconds since boot, suspend included where the system can tell."""
    return time.clock_gettime(_CLOCK)
