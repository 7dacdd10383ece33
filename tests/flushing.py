"""How a test's rows go on PostgreSQL: deleted, not truncated. TRUNCATE makes new files for every table,
which costs a transactional test more than all that it does itself."""

from collections.abc import Sequence
from typing import Any

from django.core.management.color import Style
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.operations import DatabaseOperations

#: Pages above which a table is truncated all the same.
MANY_PAGES = 500


def delete_instead_of_truncate() -> None:
    """Make Django's flush delete. Foreign keys are checked at commit, so the order does not matter."""
    truncate = DatabaseOperations.sql_flush

    def sql_flush(self: DatabaseOperations, style: Style, tables: Sequence[str], **options: Any) -> list[str]:
        if options.get("reset_sequences") or _have_many_pages(self.connection, tables):
            return list(truncate(self, style, tables, **options))
        return [f"DELETE FROM {self.quote_name(table)}" for table in tables]

    DatabaseOperations.sql_flush = sql_flush  # type: ignore[method-assign]


def _have_many_pages(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(pg_relation_size(name::regclass)) / 8192 FROM unnest(%s::text[]) name", [list(tables)]
        )
        return bool((cursor.fetchone()[0] or 0) > MANY_PAGES)
