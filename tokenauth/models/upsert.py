"""Insert-or-move in one statement, in the three dialects that Django's ORM cannot say."""

from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper


def next_epoch(model: type[models.Model], pk: str | int, *, using: str, counter: str = "epoch") -> int:
    """Insert a row at 1, or move the counter of the one that is there by one; return it.

    The row stays locked until commit. One query; two on MySQL and MariaDB.

    Args:
        counter: The column that counts.
    """
    connection = connections[using]
    quote = connection.ops.quote_name
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    insert = f"INSERT INTO {table} ({key}, {counter}) VALUES (%s, 1) "  # noqa: S608 - only quoted names
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(insert + f"ON DUPLICATE KEY UPDATE {counter} = {counter} + 1", [pk])
            cursor.execute(f"SELECT {counter} FROM {table} WHERE {key} = %s", [pk])  # noqa: S608
        else:
            move = f"ON CONFLICT ({key}) DO UPDATE SET {counter} = {table}.{counter} + 1 RETURNING {counter}"
            cursor.execute(insert + move, [pk])
        return int(cursor.fetchone()[0])


def insert_missing(connection: BaseDatabaseWrapper, row: models.Model) -> None:
    """Insert a row through any connection, unless its key is there. One query."""
    fields = row._meta.concrete_fields
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    values: list[Any] = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    marks = ", ".join(["%s"] * len(values))
    ignore, suffix = ("IGNORE ", "") if connection.vendor == "mysql" else ("", " ON CONFLICT DO NOTHING")
    table = quote(row._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT {ignore}INTO {table} ({columns}) VALUES ({marks}){suffix}", values)  # noqa: S608
