"""Counting in the site's cache: the storage that `limits` asks for, over any Django cache (PROTOCOL 5)."""

import time

from django.core.cache import BaseCache, caches
from limits.storage import Storage

from tokenauth import conf


class CacheStorage(Storage):
    """Fixed windows in the cache that `LIMITS_CACHE` names; what the cache forgets is counted anew."""

    STORAGE_SCHEME = ["tokenauth-cache"]

    def __init__(self) -> None:
        super().__init__()

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    @property
    def _cache(self) -> BaseCache:
        return caches[conf.current().LIMITS_CACHE]

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count up and return the sum of the window, which the first count opened."""
        opened = self._cache.add(key, amount, timeout=expiry)
        if opened:
            self._cache.set(_end(key), time.time() + expiry, timeout=expiry)
            return amount
        try:
            return self._cache.incr(key, amount)
        except ValueError:  # the window closed in between
            self._cache.set(key, amount, timeout=expiry)
            return amount

    def get(self, key: str) -> int:
        return int(self._cache.get(key, 0))

    def get_expiry(self, key: str) -> float:
        """Return the unix second at which the window closes; now where there is none."""
        return float(self._cache.get(_end(key), time.time()))

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        return None

    def clear(self, key: str) -> None:
        self._cache.delete_many([key, _end(key)])


def _end(key: str) -> str:
    return f"{key}:end"
