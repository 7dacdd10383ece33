"""Asking the database, the only source of freshness: one statement a poll (PROTOCOL 3)."""

import uuid
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.models import upsert
from tokenauth.models.order import Plane, RevocationOrder
from tokenauth.revocation.mirror import FOREVER, Answer, Kind, Order

#: Orders one statement brings; a reader that got as many asks again.
PAGE = 5_000

_COLUMNS = ("id", "number", "kind", "key", "floor", "until")


def ask(connection: BaseDatabaseWrapper, *, after: int) -> Answer | None:
    """Return what the plane says above a number, in one statement and so one snapshot.

    Args:
        after: The reader's own number.
    Returns:
        The answer, at most PAGE numbered and PAGE unnumbered orders; None while the plane has no row.
    """
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection), [after, after])
        rows = cursor.fetchall()
    if not rows:
        return None
    orders = [_order(connection, row[5:]) for row in rows if row[5] is not None]
    plane_id, n, clients_version, keys_version, own = rows[0][:5]
    return Answer(
        plane_id=plane_id if isinstance(plane_id, UUID) else UUID(str(plane_id)),
        n=n,
        clients_version=clients_version,
        keys_version=keys_version,
        own_order=own,
        numbered=tuple(sorted((o for o in orders if o.number is not None), key=_number)),
        unnumbered=tuple(o for o in orders if o.number is None),
    )


def make_plane(connection: BaseDatabaseWrapper) -> None:
    """Insert the plane's one row; another process may have been first. One query."""
    upsert.insert_missing(connection, Plane(pk=1, plane_id=uuid.uuid4()))


def note_access_lifetime(connection: BaseDatabaseWrapper, seconds: int) -> None:
    """Keep the longest access lifetime ever in force: orders live as long. It only grows. One query."""
    table = connection.ops.quote_name(Plane._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET longest_access = %s WHERE longest_access < %s",  # noqa: S608
            [seconds, seconds],
        )


def _number(order: Order) -> int:
    return order.number or 0


def _statement(connection: BaseDatabaseWrapper) -> str:
    quote = connection.ops.quote_name
    plane, orders = quote(Plane._meta.db_table), quote(RevocationOrder._meta.db_table)
    columns = ", ".join(quote(name) for name in _COLUMNS)
    number, key = quote("number"), quote("id")
    some = f"SELECT {columns} FROM {orders} WHERE {number}"  # noqa: S608 - only quoted names
    numbered = f"SELECT * FROM ({some} > %s ORDER BY {number} LIMIT {PAGE}) a"  # noqa: S608
    waiting = f"SELECT * FROM ({some} IS NULL ORDER BY {key} LIMIT {PAGE}) b"  # noqa: S608
    return (
        f"SELECT p.plane_id, p.n, p.clients_version, p.keys_version, own.id, {_prefixed(quote)} "  # noqa: S608
        f"FROM {plane} p LEFT JOIN {orders} own ON own.{number} = %s "
        f"LEFT JOIN ({numbered} UNION ALL {waiting}) o ON 1 = 1 WHERE p.id = 1"
    )


def _prefixed(quote: Any) -> str:
    return ", ".join(f"o.{quote(name)}" for name in _COLUMNS)


def _order(connection: BaseDatabaseWrapper, row: tuple[Any, ...]) -> Order:
    id_, number, kind, key, floor, until = row
    return Order(id_, number, Kind(kind), key, floor, _unix(connection, until))


def _unix(connection: BaseDatabaseWrapper, until: object) -> float:
    if until is None:
        return FOREVER
    field = RevocationOrder._meta.get_field("until")
    column = field.get_col("o")
    for convert in connection.ops.get_db_converters(column):
        until = convert(until, column, connection)
    assert isinstance(until, datetime)  # noqa: S101 - for the type checker
    return until.timestamp()
