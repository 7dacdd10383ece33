"""E013, E014, W004, W005, W011: the database that holds the tables, and how it is reached."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth import conf
from tokenauth.checks.asked import of_our_tables, readable
from tokenauth.checks.findings import error, warning
from tokenauth.models import Client, users
from tokenauth.tokens.keyring import database

#: Clients that every process holds in memory without a word.
MOST_CLIENTS = 10_000
#: Packages under whose back ends one table is another for each tenant.
_BY_TENANT = ("django_tenants.", "django_pgschemas.", "tenant_schemas.")


@register(Tags.security)
def tables_are_of_one_site(**kwargs: object) -> list[CheckMessage]:
    """E013: keys, clients and revocations that a process holds would serve other tenants."""
    if not readable() or conf.current().NAMESPACE is not None:
        return []
    if not _has_a_schema_for_each_tenant(database()):
        return []
    text = f"The back end of {database()!r} has a schema for each tenant, and a process holds keys of one."
    mend = (
        "Say by TOKENAUTH['NAMESPACE'] which tenant a request is of, or let TOKENAUTH['DATABASE'] name an "
        "alias with an ordinary back end."
    )
    return [error("E013", text, mend=mend)]


@register(Tags.database)
def models_lie_where_the_setting_says(**kwargs: object) -> list[CheckMessage]:
    """E014: flows would read one database, the admin and `migrate` another."""
    if not readable() or (own := conf.current().DATABASE) is None:
        return []
    if own not in connections:
        text = f"TOKENAUTH['DATABASE'] names {own!r}, which is not in DATABASES."
        return [error("E014", text, mend="Name an alias of DATABASES.")]
    led = router.db_for_write(Client)
    if led == own and router.db_for_read(Client) == own:
        return []
    text = f"TOKENAUTH['DATABASE'] names {own!r}, and the database routers send its models to {led!r}."
    return [error("E014", text, mend="Put 'tokenauth.routers.OwnDatabase' first in DATABASE_ROUTERS.")]


def _has_a_schema_for_each_tenant(alias: str) -> bool:
    """By the back end, one that a site derived from another included, or by the router that goes with it."""
    connection = connections[alias]
    engine = str(connection.settings_dict["ENGINE"])
    bases = [f"{each.__module__}." for each in type(connection).__mro__]
    if any(name.startswith(_BY_TENANT) for name in [engine, *bases]):
        return True
    routed = any(str(path).startswith(_BY_TENANT) for path in settings.DATABASE_ROUTERS)
    return routed and alias == getattr(settings, "TENANT_DB_DATABASE", DEFAULT_DB_ALIAS)


@register(Tags.database)
def sqlite_is_ready_for_two_at_once(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """W004: without IMMEDIATE transactions and a write-ahead log one writer fails beside another."""
    if not of_our_tables(databases) or (connection := connections[database()]).vendor != "sqlite":
        return []
    mend = (
        "Set DATABASES[...]['OPTIONS'] to {'transaction_mode': 'IMMEDIATE', 'timeout': 5, "
        "'init_command': 'PRAGMA journal_mode=WAL'}."
    )
    return [warning("W004", text, mend=mend) for text in _wanting(connection)]


def _wanting(connection: BaseDatabaseWrapper) -> list[str]:
    found = []
    if connection.settings_dict.get("OPTIONS", {}).get("transaction_mode") != "IMMEDIATE":
        found.append(
            f"The SQLite database {connection.alias!r} does not open its transactions with IMMEDIATE."
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            mode = cursor.fetchone()[0]
    except DatabaseError:
        return found
    if mode != "wal" and not _is_in_memory(connection):
        found.append(
            f"The SQLite database {connection.alias!r} has no write-ahead log: its mode is {mode!r}."
        )
    return found


def _is_in_memory(connection: BaseDatabaseWrapper) -> bool:
    # as Django tells it: such a database can have no other mode
    name = str(connection.settings_dict["NAME"])
    return ":memory:" in name or "mode=memory" in name


@register(Tags.database)
def clients_fit_in_memory(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W005: every process holds all clients."""
    if not of_our_tables(databases):
        return []
    try:
        count = Client.objects.using(database()).count()
    except DatabaseError:  # not migrated yet
        return []
    if count <= MOST_CLIENTS:
        return []
    text = f"There are {count} clients; every process holds all of them in memory."
    return [warning("W005", text, mend="Delete those that are no longer used.")]


@register(Tags.security, deploy=True)
def pools_do_not_cross_a_fork(**kwargs: object) -> list[CheckMessage]:
    """W011: a pool that was open before the server forked gives one connection to two processes."""
    if not readable():
        return []
    aliases = sorted({database(), users.database()})
    return [_pooled(alias) for alias in aliases if connections[alias].settings_dict["OPTIONS"].get("pool")]


def _pooled(alias: str) -> CheckMessage:
    text = f"The database {alias!r} keeps a pool in each process, which must never be open before a fork."
    mend = (
        "Load the site in each worker (gunicorn without 'preload_app', uWSGI with 'lazy-apps') or leave "
        "OPTIONS['pool'] out; where no server forks, silence this check."
    )
    return warning("W011", text, mend=mend)
