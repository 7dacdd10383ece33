"""The cache that counts: does it answer, and what time is it there."""

import time
from typing import Any

from django.core.cache import InvalidCacheBackendError, caches
from django_redis import get_redis_connection
from redis import RedisError

from tokenauth import conf
from tokenauth.doctor.clocks import beside_ours
from tokenauth.doctor.findings import Finding, error, ok

#: A key that nobody writes.
_ABSENT = "tokenauth.doctor"


def of_limits() -> list[Finding]:
    """Ask the cache that LIMITS_CACHE names for something that it does not have."""
    alias = conf.current().LIMITS_CACHE
    try:
        cache = caches[alias]
    except InvalidCacheBackendError:
        mend = "Name a cache of CACHES in TOKENAUTH['LIMITS_CACHE']."
        return [error(f"there is no cache {alias!r}", mend=mend)]
    try:
        client: Any = get_redis_connection(alias)
    except NotImplementedError:  # another back end, or a client that is many
        return [_answered(alias, lambda: cache.get(_ABSENT), type(cache).__name__)]
    return _of_redis(alias, client)


def _answered(alias: str, ask: Any, name: str) -> Finding:
    began = time.perf_counter()
    ask()
    took = time.perf_counter() - began
    return ok(f"{alias!r} answers in {took * 1000:.1f} ms: {name}")


def _of_redis(alias: str, client: Any) -> list[Finding]:
    # its own client: the cache may be told to hide its errors
    answered = _answered(alias, client.ping, _named(client))
    before = time.time()
    seconds, microseconds = client.time()
    theirs = seconds + microseconds / 1_000_000
    return [answered, beside_ours(f"{alias!r}: Redis's", theirs, before=before, after=time.time())]


def _named(client: Any) -> str:
    try:
        told = client.info("server")
    except RedisError:  # an account that may not ask
        return "Redis of an unknown version"
    name = str(told.get("server_name") or "redis").title()
    return f"{name} {told.get(f'{name.lower()}_version') or told.get('redis_version')}"
