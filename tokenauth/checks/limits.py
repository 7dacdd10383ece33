"""W003: the cache that counts."""

from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Tags, register

from tokenauth import conf
from tokenauth.checks.asked import readable
from tokenauth.checks.findings import warning
from tokenauth.risk import counters

_PER_PROCESS_CACHES = (LocMemCache, DummyCache)


@register(Tags.caches, deploy=True)
def limits_are_shared(**kwargs: object) -> list[CheckMessage]:
    """W003: each process counts for itself, counts get lost, or too few are kept."""
    if not readable():
        return []
    alias = conf.current().LIMITS_CACHE
    cache = limits_cache()
    if cache is None:
        text = f"There is no cache {alias!r} to count logins in."
    elif issubclass(cache, _PER_PROCESS_CACHES):
        text = f"The cache {alias!r} that counts logins is one for each process, or none at all."
    elif not counters.is_atomic(cache):
        text = f"The cache {alias!r} that counts logins loses counts of two processes at once."
    else:
        return []
    mend = (
        "Name a cache that all processes share and that counts by itself (Redis, Memcached) in "
        "TOKENAUTH['LIMITS_CACHE']. On one in a database or in files set OPTIONS['MAX_ENTRIES'] well above "
        "the logins of an hour: a full cache forgets counts."
    )
    return [warning("W003", text, mend=mend)]


def limits_cache() -> type[BaseCache] | None:
    """Return the class of the cache that counts; None where there is no such cache."""
    try:
        return type(caches[conf.current().LIMITS_CACHE])
    except (InvalidCacheBackendError, ImportError):
        return None
