"""Insert-or-move in one statement, in the three dialects that Django's ORM cannot say."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

Key = TypeVar("Key", bound=str | int)


def next_epoch(model: type[models.Model], pk: str | int, *, using: str, counter: str = "epoch") -> int:
    """Insert a row at 1, or move the counter of the one that is there by one; return it.

    The row stays locked until commit. One query; two on MySQL.

    Args:
        counter: The column that counts.
    """
    (moved,) = next_epochs(model, [pk], using=using, counter=counter).values()
    return moved


def next_epochs(
    model: type[models.Model], pks: Sequence[Key], *, using: str, counter: str = "epoch"
) -> dict[Key, int]:
    """Do the same for several rows at once, and return where each counter is.

    The database locks them in the order given: callers who share one never wait for each other in a ring.

    Args:
        pks: At least one, each once.
    """
    connection = connections[using]
    quote = connection.ops.quote_name
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    rows = ", ".join(["(%s, 1)"] * len(pks))
    insert = f"INSERT INTO {table} ({key}, {counter}) VALUES {rows} "  # noqa: S608 - only quoted names
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            move = f"ON DUPLICATE KEY UPDATE {counter} = {counter} + 1"
            if connection.features.can_return_columns_from_insert:  # MariaDB
                cursor.execute(f"{insert}{move} RETURNING {key}, {counter}", pks)
            else:
                cursor.execute(insert + move, pks)
                marks = ", ".join(["%s"] * len(pks))
                cursor.execute(f"SELECT {key}, {counter} FROM {table} WHERE {key} IN ({marks})", pks)  # noqa: S608
        else:
            move = f"ON CONFLICT ({key}) DO UPDATE SET {counter} = {table}.{counter} + 1"
            cursor.execute(f"{insert}{move} RETURNING {key}, {counter}", pks)
        return {pk: int(count) for pk, count in cursor.fetchall()}


def insert_missing(connection: BaseDatabaseWrapper, row: models.Model) -> None:
    """Insert a row through any connection, unless its key is there. One query.

    On MySQL and MariaDB a row that is there is locked until commit: IGNORE would lock it for reading, and
    two who then want to write it end in a deadlock.
    """
    fields = row._meta.concrete_fields
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    values: list[Any] = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    marks = ", ".join(["%s"] * len(values))
    table, key = quote(row._meta.db_table), quote(str(row._meta.pk.column))
    keep = (
        f"ON DUPLICATE KEY UPDATE {key} = {key}" if connection.vendor == "mysql" else "ON CONFLICT DO NOTHING"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks}) {keep}", values)  # noqa: S608
