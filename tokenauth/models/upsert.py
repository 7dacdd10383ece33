"""Insert-or-move in one statement, in the three dialects that Django's ORM cannot say."""

from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper


def next_epoch(model: type[models.Model], pk: str | int, *, using: str) -> int:
    """Insert a row at epoch 1, or move the epoch of the one that is there by one; return the epoch.

    The row stays locked until commit. One query; two on MySQL and MariaDB.
    """
    connection = connections[using]
    quote = connection.ops.quote_name
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    insert = f"INSERT INTO {table} ({key}, epoch) VALUES (%s, 1) "  # noqa: S608 - only quoted names
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(insert + "ON DUPLICATE KEY UPDATE epoch = epoch + 1", [pk])
            cursor.execute(f"SELECT epoch FROM {table} WHERE {key} = %s", [pk])  # noqa: S608
        else:
            move = f"ON CONFLICT ({key}) DO UPDATE SET epoch = {table}.epoch + 1 RETURNING epoch"
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
