"""The guards for SQLite, which empties a table by DELETE."""

from collections.abc import Mapping

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.audit.append_only.guards import REFUSED, Guard

FLUSHES = "DELETE"


def text(guard: Guard) -> str:
    """Return the whole statement, which is what SQLite keeps."""
    return (
        f"CREATE TRIGGER {guard.name} BEFORE {guard.against} ON {guard.table} "
        f"WHEN NOT ({guard.unless}) BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
    )


def create(guard: Guard) -> list[str]:
    """Return the statement that installs it."""
    return [text(guard)]


def drop(guard: Guard) -> list[str]:
    """Return the statement that removes it, whether it is there or not."""
    return [f"DROP TRIGGER IF EXISTS {guard.name}"]


def installed(connection: BaseDatabaseWrapper, table: str) -> Mapping[str, str]:
    """Return the statements of the table's triggers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
        )
        return dict(cursor.fetchall())
