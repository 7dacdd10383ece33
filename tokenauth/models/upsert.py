"""Insert-or-move in one statement, in the three dialects that Django's ORM cannot say."""

from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper


def next_epoch(model: type[models.Model], pk: str | int, *, using: str, counter: str = "epoch") -> int:
    """Insert a row at 1, or move the counter of the one that is there by one; return it.

    The row stays locked until commit. One query; two on MySQL.

    Args:
        counter: The column that counts.
    """
    connection = connections[using]
    quote = connection.ops.quote_name
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    insert = f"INSERT INTO {table} ({key}, {counter}) VALUES (%s, 1) "  # noqa: S608 - only quoted names
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            move = f"ON DUPLICATE KEY UPDATE {counter} = {counter} + 1"
            if connection.features.can_return_columns_from_insert:  # MariaDB
                cursor.execute(f"{insert}{move} RETURNING {counter}", [pk])
            else:
                cursor.execute(insert + move, [pk])
                cursor.execute(f"SELECT {counter} FROM {table} WHERE {key} = %s", [pk])  # noqa: S608
        else:
            move = f"ON CONFLICT ({key}) DO UPDATE SET {counter} = {table}.{counter} + 1 RETURNING {counter}"
            cursor.execute(insert + move, [pk])
        return int(cursor.fetchone()[0])


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
