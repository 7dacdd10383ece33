"""The database's own clock: what processes on several machines say of the same moment (PROTOCOL 3)."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, Func

_MILLISECONDS = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000 AS bigint)",
    # of NOW() alone, an hour would come twice where the clocks are set back in autumn
    "mysql": "(UNIX_TIMESTAMP() * 1000 + MICROSECOND(NOW(6)) DIV 1000)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}


def milliseconds(connection: BaseDatabaseWrapper) -> str:
    """Return the SQL for the database's unix time in milliseconds."""
    return _MILLISECONDS[connection.vendor]


class DatabaseMilliseconds(Func):
    """The same in a query of the ORM."""

    output_field = BigIntegerField()

    def as_sql(
        self, compiler: Any, connection: Any, *args: Any, **extra: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        return milliseconds(connection), ()
