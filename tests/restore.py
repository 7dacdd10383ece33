"""Putting a database back to what it was, as a restored backup does: rows and the numbers they take."""

from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, models, transaction

from tokenauth.audit import append_only


@dataclass
class Backup:
    """The rows of tokenauth and of the users, as they were when it was taken."""

    _rows: dict[type[models.Model], list[tuple[Any, ...]]] = field(default_factory=dict)

    @classmethod
    def taken(cls) -> "Backup":
        return cls({model: _read(model) for model in _tables()})

    def restored(self) -> None:
        """Put every row back; what came later is gone, and its keys are given a second time."""
        with transaction.atomic(), append_only.opened(using="default"), connection.cursor() as cursor:
            for model in reversed(self._rows):
                cursor.execute(f"DELETE FROM {_table(model)}")
            for model, rows in self._rows.items():
                marks = ", ".join(["%s"] * len(model._meta.concrete_fields))
                insert = f"INSERT INTO {_table(model)} ({_columns(model)}) VALUES ({marks})"
                if rows:
                    cursor.executemany(insert, rows)
        with connection.cursor() as cursor:  # MySQL commits at each ALTER TABLE
            for model, rows in self._rows.items():
                _set_back(cursor, model, len(rows) and max(row[0] for row in rows))


def _tables() -> list[type[models.Model]]:
    """Every table, those that are pointed at before those that point."""
    left = [get_user_model(), *apps.get_app_config("tokenauth").get_models()]
    found: list[type[models.Model]] = []
    while left:
        for model in left:
            needed = {f.related_model for f in model._meta.concrete_fields if f.related_model} - {model}
            if not needed & set(left):
                found.append(model)
                left.remove(model)
                break
    return found


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _columns(model: type[models.Model]) -> str:
    pk = model._meta.pk
    fields = [pk, *(each for each in model._meta.concrete_fields if each is not pk)]
    return ", ".join(connection.ops.quote_name(each.column) for each in fields)


def _read(model: type[models.Model]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_columns(model)} FROM {_table(model)}")
        return [tuple(_writable(value) for value in row) for row in cursor.fetchall()]


def _writable(value: Any) -> Any:
    if isinstance(value, dict | list):
        return connection.ops.adapt_json_value(value, None)
    return value


def _set_back(cursor: Any, model: type[models.Model], highest: Any) -> None:
    if not isinstance(model._meta.pk, models.AutoField):
        return
    if connection.vendor == "sqlite":
        cursor.execute("UPDATE sqlite_sequence SET seq = %s WHERE name = %s", [highest, model._meta.db_table])
    elif connection.vendor == "postgresql":
        sequence = f"pg_get_serial_sequence('{_table(model)}', '{model._meta.pk.column}')"
        cursor.execute(f"SELECT setval({sequence}, %s, %s)", [max(highest, 1), highest > 0])
    else:
        cursor.execute(f"ALTER TABLE {_table(model)} AUTO_INCREMENT = {highest + 1}")
