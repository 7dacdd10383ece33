"""How many password hashes one process computes at once: the rest is told to come back (PROTOCOL 5)."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tokenauth import conf


class _Slots:
    """One semaphore for each number of slots; a child of a fork starts with all of its own free."""

    def __init__(self) -> None:
        self._by_number: dict[int, threading.BoundedSemaphore] = {}

    def of(self, at_once: int) -> threading.BoundedSemaphore:
        # setdefault: two threads that come first get the same one
        return self._by_number.setdefault(at_once, threading.BoundedSemaphore(at_once))

    def after_fork(self) -> None:
        """Leave slots that other threads of the parent held alone: nobody gives them back here."""
        self._by_number = {}


_SLOTS = _Slots()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_SLOTS.after_fork)


@contextmanager
def slot() -> Iterator[bool]:
    """Hold a slot while a password is hashed; yields whether there was one. Never waits."""
    at_once = conf.current().HASHES_AT_ONCE
    if at_once is None:
        yield True
        return
    slots = _SLOTS.of(at_once)
    if not slots.acquire(blocking=False):
        yield False
        return
    try:
        yield True
    finally:
        slots.release()
