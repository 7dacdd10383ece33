"""Redis as the site's cache alias names it, on connections of our own on which nobody waits long."""

import os
import threading
from copy import deepcopy
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django_redis.client.default import DefaultClient
from django_redis.client.sentinel import SentinelClient
from django_redis.client.sharded import ShardClient
from django_redis.pool import SentinelConnectionFactory, get_connection_factory
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tokenauth import conf
from tokenauth.revocation.notifiers import names

#: Seconds for a connection and for an answer, of whoever has all the time.
PATIENCE: Final = 0.25
#: The same on a request's path: together no more than the one above.
HURRY: Final = (0.1, 0.15)

# named by the alias, they would let the caller wait on
_WAITING: Final = (
    "max_connections",
    "timeout",
    "retry_on_timeout",
    "retry_on_error",
    "health_check_interval",
)


class NoSingleRedis(ImproperlyConfigured):
    """REDIS_ALIAS names no cache of django-redis on one server: check E020 says what to do."""


def namespace(alias: str) -> str:
    """Return what keeps sites and their tenants in one Redis apart: the alias's KEY_PREFIX and NAMESPACE."""
    parts = (django_settings.CACHES[alias].get("KEY_PREFIX"), conf.namespace())
    return ".".join(filter(None, parts)) or names.DEFAULT


def why_not(alias: str) -> str:
    """Return why an alias cannot be used, empty where it can."""
    cache = django_settings.CACHES.get(alias)
    if cache is None:
        return "is not in CACHES"
    if not str(cache.get("BACKEND", "")).startswith("django_redis."):
        return "is no cache of django-redis"
    client = _client_class(cache)
    if issubclass(client, ShardClient) or not issubclass(client, DefaultClient):
        return f"spreads its keys over many servers ({client.__name__})"
    if "cluster" in str(cache.get("OPTIONS", {}).get("REDIS_CLIENT_CLASS", "")).lower():
        return "is a cluster"
    return ""


class Clients:
    """The clients of this process; none is used by another, so they are made anew after a fork."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._made: dict[tuple[str, float, float], Redis] = {}
        self._abandoned: list[object] = []

    def patient(self, alias: str) -> Redis:
        """Return the client for what no request waits for."""
        return self._client(alias, PATIENCE, PATIENCE)

    def hurried(self, alias: str) -> Redis:
        """Return the client for a request's path."""
        return self._client(alias, *HURRY)

    def forget(self) -> None:
        """Make them anew at the next need: settings changed, or Redis moved."""
        made, self._made = self._made, {}
        for client in made.values():
            client.connection_pool.disconnect()

    def after_fork(self) -> None:
        """Leave the parent's connections alone: to close one here would end it there."""
        self._abandoned.append(self._made)
        self._making, self._made = threading.Lock(), {}

    def _client(self, alias: str, connect: float, answer: float) -> Redis:
        key = (alias, connect, answer)
        with self._making:
            if key not in self._made:
                self._made[key] = _made(alias, connect, answer)
            return self._made[key]


CLIENTS: Final = Clients()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CLIENTS.after_fork)


@conf.until_settings_change
def usable() -> str | None:
    """Return the alias that REDIS_ALIAS names, None where there is none or it cannot be used."""
    alias = conf.current().REDIS_ALIAS
    return alias if alias is not None and not why_not(alias) else None


def _client_class(cache: dict[str, Any]) -> type:
    path = cache.get("OPTIONS", {}).get("CLIENT_CLASS", "django_redis.client.DefaultClient")
    found = import_string(path)
    assert isinstance(found, type)  # noqa: S101 - for the type checker
    return found


def _made(alias: str, connect: float, answer: float) -> Redis:
    if reason := why_not(alias):
        raise NoSingleRedis(f"CACHES[{alias!r}] {reason}")
    cache = deepcopy(django_settings.CACHES[alias])
    options = dict(cache.get("OPTIONS", {}))
    # a pool of the site's may let its callers wait for a connection
    options.pop("CONNECTION_POOL_CLASS", None)
    limits = _limits(connect, answer)
    options["SENTINEL_KWARGS"] = {**(options.get("SENTINEL_KWARGS") or _sentinel_account(options)), **limits}
    factory: Any = _factory(cache, options)
    # not `connect`: it shares one pool among all that have the same address
    pool = factory.get_connection_pool(factory.make_connection_params(_primary(cache)))
    for name in _WAITING:
        pool.connection_kwargs.pop(name, None)
    # after the address, whose own parameters count more than any option
    pool.connection_kwargs.update(limits)
    pool.max_connections = 2**31
    return Redis(connection_pool=pool)


def _factory(cache: dict[str, Any], options: dict[str, Any]) -> object:
    if issubclass(_client_class(cache), SentinelClient) or options.get("SENTINELS"):
        return SentinelConnectionFactory(options)
    return get_connection_factory(options)


def _limits(connect: float, answer: float) -> dict[str, Any]:
    return {
        "socket_connect_timeout": connect,
        "socket_timeout": answer,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
    }


def _sentinel_account(options: dict[str, Any]) -> dict[str, Any]:
    # what redis-py would take over if nothing were said
    given = options.get("CONNECTION_POOL_KWARGS", {})
    return {name: value for name, value in given.items() if name.startswith(("socket_", "ssl"))}


def _primary(cache: dict[str, Any]) -> str:
    location = cache.get("LOCATION")
    first = location.split(",")[0] if isinstance(location, str) else next(iter(location or [""]))
    return str(first)
