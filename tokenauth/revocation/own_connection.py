"""A database connection of the mirror's own, on which no question can take longer than the bound allows."""

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth import conf


def opened(alias: str, *, patience: float) -> BaseDatabaseWrapper:
    """Return a new connection to a database, for any thread.

    An own one, since a request's may be inside a transaction that sees the past. Never from a pool:
    what a fork would share with its parent (PROTOCOL 3).

    Args:
        alias: Of the database.
        patience: Seconds that a statement may take.
    """
    connection = connections.create_connection(alias)
    connection.inc_thread_sharing()
    _bound_waiting(connection)
    if conf.current().NAMESPACE is not None:
        _enter_schema_of(connections[alias], connection)
    bound_statements(connection, patience)
    return connection


def bound_statements(connection: BaseDatabaseWrapper, seconds: float) -> None:
    """Let no statement take longer; not behind a transaction pooler, whose other clients would meet it."""
    pooled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and not pooled:
            cursor.execute(f"SET statement_timeout = {round(seconds * 1000)}")
        elif connection.vendor == "mysql" and getattr(connection, "mysql_is_mariadb", False):
            cursor.execute(f"SET SESSION max_statement_time = {seconds}")


def _enter_schema_of(request: BaseDatabaseWrapper, connection: BaseDatabaseWrapper) -> None:
    # a tenant may be a schema of the connection that the site has chosen, by a wrapper or by SQL
    if hasattr(connection, "set_schema"):
        connection.set_schema(getattr(request, "schema_name"))  # noqa: B009 - no base class has it
    elif connection.vendor == "postgresql":
        was_open = request.connection is not None
        with request.cursor() as cursor:
            cursor.execute("SELECT current_setting('search_path')")
            path = cursor.fetchone()[0]
        if not was_open:  # that of a thread of ours, which nobody else would close
            request.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('search_path', %s, false)", [path])


def _bound_waiting(connection: BaseDatabaseWrapper) -> None:
    bound = conf.current().STALENESS_BOUND
    options = dict(connection.settings_dict.get("OPTIONS") or {})
    match connection.vendor:
        case "postgresql":
            options.pop("pool", None)
            options.setdefault("connect_timeout", max(2, round(bound)))
            options |= {
                "tcp_user_timeout": round(bound * 1000),
                "keepalives_idle": 1,
                "keepalives_interval": 1,
            }
        case "sqlite":
            options["timeout"] = bound / 4
        case "mysql":
            options |= {"connect_timeout": max(2, round(bound)), "read_timeout": max(1, round(bound))}
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options, "CONN_MAX_AGE": None}
