"""W009, W010, W012, W013, W021: who can read along, who may be silent, and what the proxies in front say."""

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Tags, register
from django.db import connections

from tokenauth import conf
from tokenauth.checks.asked import readable
from tokenauth.checks.findings import warning
from tokenauth.models import users
from tokenauth.tokens.keyring import database

#: Modes in which libpq refuses a connection without TLS.
_POSTGRESQL_TLS = frozenset({"require", "verify-ca", "verify-full"})
#: The same of MySQL's client; MariaDB's is told by `ssl`.
_MYSQL_TLS = frozenset({"REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"})


@register(Tags.security, deploy=True)
def databases_are_reached_by_tls(**kwargs: object) -> list[CheckMessage]:
    """W009: hashes and personal details cross the network for everybody on it to read."""
    if not readable():
        return []
    clear = [alias for alias in sorted({database(), users.database()}) if _is_in_the_clear(alias)]
    mend = (
        "PostgreSQL: set OPTIONS['sslmode'] to 'verify-full' with 'sslrootcert'. MySQL and MariaDB: set "
        "OPTIONS['ssl'] to {'ca': ...}."
    )
    return [
        warning(
            "W009", f"The database {alias!r} is on another host and may be reached without TLS.", mend=mend
        )
        for alias in clear
    ]


def _is_in_the_clear(alias: str) -> bool:
    connection = connections[alias]
    match connection.vendor:
        case "postgresql":
            return _postgresql_is_in_the_clear(connection.settings_dict)
        case "mysql":
            return _mysql_is_in_the_clear(connection.settings_dict)
        case _:
            return False


def _postgresql_is_in_the_clear(database: Mapping[str, Any]) -> bool:
    options = database["OPTIONS"]
    if options.get("service") or os.environ.get("PGSERVICE"):
        return False  # what its file says only the connection knows: `tokenauth_doctor` asks it
    mode = options.get("sslmode") or os.environ.get("PGSSLMODE")
    if mode in _POSTGRESQL_TLS or (not mode and options.get("sslrootcert") == "system"):
        return False
    return _is_elsewhere(database)


def _is_elsewhere(database: Mapping[str, Any]) -> bool:
    host = database["HOST"] or database["OPTIONS"].get("host") or os.environ.get("PGHOST", "")
    return any(is_remote(each.strip()) for each in host.split(","))


def _mysql_is_in_the_clear(database: Mapping[str, Any]) -> bool:
    options = database["OPTIONS"]
    if options.get("read_default_file") or options.get("ssl") or options.get("ssl_ca"):
        return False
    return options.get("ssl_mode") not in _MYSQL_TLS and is_remote(database["HOST"])


@register(Tags.security, deploy=True)
def a_silent_database_is_given_up(**kwargs: object) -> list[CheckMessage]:
    """W021: a database that is cut off holds every login and refresh, and with them each worker."""
    if not readable():
        return []
    connection = connections[database()]
    options = connection.settings_dict["OPTIONS"]
    if connection.vendor != "postgresql" or options.get("service") or os.environ.get("PGSERVICE"):
        return []
    absent = " and no ".join(sorted({"connect_timeout", "tcp_user_timeout"} - set(options)))
    if not absent or not _is_elsewhere(connection.settings_dict):
        return []
    text = f"The database {database()!r} is on another host, and its OPTIONS have no {absent}."
    mend = "Set 'connect_timeout': 5 (seconds) and 'tcp_user_timeout': 10000 (milliseconds) in its OPTIONS."
    return [warning("W021", text, mend=mend)]


@register(Tags.caches, deploy=True)
def caches_are_reached_by_tls(**kwargs: object) -> list[CheckMessage]:
    """W010: whoever is on the network reads, and rewrites, who may try how often; or who was revoked when."""
    if not readable():
        return []
    used = sorted({conf.current().LIMITS_CACHE, conf.current().REDIS_ALIAS or conf.current().LIMITS_CACHE})
    return [
        warning(
            "W010",
            f"The Redis of the cache {alias!r} is on another host and is reached without TLS.",
            mend="Let its LOCATION begin with 'rediss://'.",
        )
        for alias in used
        if _redis_is_in_the_clear(django_settings.CACHES.get(alias, {}))
    ]


def _redis_is_in_the_clear(cache: Mapping[str, Any]) -> bool:
    sentinels = [str(host) for host, *_ in cache.get("OPTIONS", {}).get("SENTINELS", ())]
    # behind sentinels the location has the name of a service in its host's place
    return any(
        is_remote(host) for url in _redis_in_the_clear(cache) for host in sentinels or [url.hostname or ""]
    )


def _redis_in_the_clear(cache: Mapping[str, Any]) -> Iterable[Any]:
    location = cache.get("LOCATION") or ()
    found = re.split("[,;]", location) if isinstance(location, str) else location
    return [parts for each in found if (parts := urlsplit(str(each).strip())).scheme == "redis"]


@register(Tags.security, deploy=True)
def proxies_tell_of_tls(**kwargs: object) -> list[CheckMessage]:
    """W012: behind a proxy that ends TLS every request looks like plain HTTP, and is refused."""
    if not readable() or not conf.current().REQUIRE_TLS or conf.current().TRUSTED_PROXIES == 0:
        return []
    if django_settings.SECURE_PROXY_SSL_HEADER:
        return []
    text = "TOKENAUTH['TRUSTED_PROXIES'] is set, and nothing tells which requests reached a proxy by TLS."
    mend = (
        "Set SECURE_PROXY_SSL_HEADER to the header that the proxy overwrites, as ('HTTP_X_FORWARDED_PROTO', "
        "'https'); if the server does it (uvicorn --proxy-headers, gunicorn's secure_scheme_headers) or the "
        "proxy speaks TLS to the site too, silence this check."
    )
    return [warning("W012", text, mend=mend)]


@register(Tags.security, deploy=True)
def addresses_are_not_the_proxys(**kwargs: object) -> list[CheckMessage]:
    """W013: limits of a network would count all users together, and the trail names the proxy."""
    if not readable() or conf.current().TRUSTED_PROXIES or not django_settings.SECURE_PROXY_SSL_HEADER:
        return []
    text = "SECURE_PROXY_SSL_HEADER tells of a proxy, and TOKENAUTH['TRUSTED_PROXIES'] is 0."
    mend = (
        "Set it to the number of proxies that append to X-Forwarded-For; if the server or a middleware puts "
        "the client's address into REMOTE_ADDR, silence this check."
    )
    return [warning("W013", text, mend=mend)]


def is_remote(host: str) -> bool:
    """Whether a host is another machine: a socket's path, loopback and nothing at all are this one."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return True
