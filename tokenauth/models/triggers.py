"""Installing and removing triggers, on tables that a site is using meanwhile."""

from collections.abc import Iterable

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

#: Milliseconds that a change waits for its table: whoever comes after it waits as long.
LOCK_TIMEOUT = 5000


def change(connection: BaseDatabaseWrapper, statements: Iterable[str]) -> None:
    """Run statements that make or drop triggers, all or none.

    Raises:
        OperationalError: The table was locked for longer than `LOCK_TIMEOUT` (PostgreSQL).
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
        for statement in statements:
            cursor.execute(statement)
