"""Counting in the site's cache, whichever Django back end that is (PROTOCOL 5).

A window's number is part of its key, so that no lifetime a back end gives a key decides what is counted.
What does not answer counts nothing: the caller decides whether that lets in or refuses.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import BaseCache, caches

from tokenauth import conf
from tokenauth.observability import log

T = TypeVar("T")

#: Seconds between two log lines about a cache that is away.
_NOTED_EVERY = 60


def unix_time() -> float:
    """Return unix seconds: the clock that windows are cut from."""
    return time.time()


@dataclass(frozen=True, slots=True)
class Window:
    """The fixed window of so many seconds that the clock is in."""

    key: str
    #: Of the window as a whole.
    seconds: int
    #: Whole seconds until the next one opens.
    left: int

    @classmethod
    def now(cls, key: str, seconds: int) -> "Window":
        now = unix_time()
        number = int(now // seconds)
        return cls(f"{key}:{number}", seconds, max(1, math.ceil((number + 1) * seconds - now)))


def count(key: str, *, seconds: int) -> int | None:
    """Count up and return the sum; None where the cache does not answer.

    Args:
        seconds: How long the key is kept at least, where the cache is not full.
    """
    return _asked(lambda cache: _counted(cache, key, seconds))


def value(key: str) -> int | None:
    """Return what was counted; None where the cache does not answer."""
    return _asked(lambda cache: int(cache.get(key) or 0))


def values(*keys: str) -> list[int] | None:
    """Return what was counted under several keys, in order; None where the cache does not answer."""
    return _asked(lambda cache: _values(cache, keys))


def take(key: str, *, seconds: int) -> bool | None:
    """Take a key that only one caller gets; None where the cache does not answer."""
    return _asked(lambda cache: _taken(cache, key, seconds))


def forget(*keys: str) -> None:
    """Let the keys be counted and taken anew."""
    _asked(lambda cache: cache.delete_many(keys))


def is_atomic(cache: type[BaseCache]) -> bool:
    """Whether a back end counts by itself; Django's base class reads, adds and writes."""
    return getattr(cache, "incr", None) is not BaseCache.incr


class _Process:
    """What threads of one process share: the turn at a cache that does not count, and the last complaint."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._noted_at = float("-inf")

    def turn_at(self, cache: BaseCache) -> AbstractContextManager[Any]:
        return nullcontext() if is_atomic(type(cache)) else self._turn

    def note_away(self, failure: Exception) -> None:
        now = time.monotonic()
        if now - self._noted_at >= _NOTED_EVERY:
            self._noted_at = now
            log.note("limits_cache_away", level=logging.ERROR, error=type(failure).__name__)

    def after_fork(self) -> None:
        """Leave a lock that another thread of the parent may have held alone."""
        self._turn = threading.Lock()


_PROCESS = _Process()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_PROCESS.after_fork)


def _asked(operation: Callable[[BaseCache], T]) -> T | None:
    alias = conf.current().LIMITS_CACHE
    try:
        return operation(caches[alias])
    except Exception as failure:  # each client has errors of its own
        _PROCESS.note_away(failure)
        return None


def _counted(cache: BaseCache, key: str, seconds: int) -> int:
    with _PROCESS.turn_at(cache):
        if not is_atomic(type(cache)):
            # its own `incr` would also give the key the cache's default lifetime
            total = int(cache.get(key) or 0) + 1
            cache.set(key, total, timeout=seconds)
            return total
    for _ in range(2):
        try:
            return int(cache.incr(key))
        except ValueError:  # the window has not begun, or it went in between
            if cache.add(key, 1, timeout=seconds):
                return 1
    cache.set(key, 1, timeout=seconds)
    return 1


def _values(cache: BaseCache, keys: tuple[str, ...]) -> list[int]:
    held = cache.get_many(keys)
    return [int(held.get(key) or 0) for key in keys]


def _taken(cache: BaseCache, key: str, seconds: int) -> bool:
    with _PROCESS.turn_at(cache):
        taken = cache.add(key, 1, timeout=seconds)
    if taken is None:  # a client that hides its errors
        raise ConnectionError
    return bool(taken)
