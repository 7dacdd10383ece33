"""How many password hashes one process computes at once: the rest is told to come back (PROTOCOL 5)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tokenauth import conf


@conf.until_settings_change
def _slots(at_once: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(at_once)


@contextmanager
def slot() -> Iterator[bool]:
    """Hold a slot while a password is hashed; yields whether there was one. Never waits."""
    at_once = conf.current().HASHES_AT_ONCE
    if at_once is None:
        yield True
        return
    slots = _slots(at_once)
    if not slots.acquire(blocking=False):
        yield False
        return
    try:
        yield True
    finally:
        slots.release()
