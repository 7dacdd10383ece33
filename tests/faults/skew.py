"""Clocks of a site's processes that a test moves from outside, through a shared file."""

import mmap
import os
import struct
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

from tests.faults import facts  # noqa: F401 - it takes the true clock before this moves it

#: Environment variable: path of the shared file.
FILE = "FAULTS_SKEW"
_OFFSETS = struct.Struct("ddd")


class Offsets:
    """Seconds by which wall, boot and monotonic clock are off, in a file that processes share."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_OFFSETS.pack(0, 0, 0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _OFFSETS.size)

    def read(self) -> tuple[float, float, float]:
        wall, boot, monotonic = _OFFSETS.unpack_from(self._shared)
        return wall, boot, monotonic

    def move(self, *, wall: float = 0, boot: float = 0, monotonic: float = 0) -> None:
        """Move the clocks by so many seconds more."""
        moved = (wall, boot, monotonic)
        _OFFSETS.pack_into(self._shared, 0, *map(sum, zip(self.read(), moved, strict=True)))


def install() -> None:
    """Let this process's clocks follow the file that FAULTS_SKEW names."""
    if not (path := os.environ.get(FILE)):
        return
    offsets = Offsets(Path(path))
    time.time = _moved(time.time, lambda: _sign() * offsets.read()[0])
    timezone.now = _moved_moment(timezone.now, lambda: _sign() * offsets.read()[0])
    true = time.clock_gettime

    def gettime(clock: int) -> float:
        wall, boot, monotonic = offsets.read()
        moved = {
            time.CLOCK_REALTIME: _sign() * wall,
            time.CLOCK_BOOTTIME: boot,
            time.CLOCK_MONOTONIC: monotonic,
        }
        return true(clock) + moved.get(clock, 0)

    time.clock_gettime = gettime


def _sign() -> int:
    # two machines whose clocks are off in two directions
    return 1 if os.getpid() % 2 else -1


def _moved(true: Callable[[], float], by: Callable[[], float]) -> Callable[[], float]:
    return lambda: true() + by()


def _moved_moment(true: Callable[[], datetime], by: Callable[[], float]) -> Callable[[], datetime]:
    return lambda: true() + timedelta(seconds=by())
