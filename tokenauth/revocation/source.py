"""Asking the database, the only source of freshness: one statement a poll (PROTOCOL 3)."""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.models import upsert
from tokenauth.models.catalogue import Catalogue, Held
from tokenauth.models.database_clock import milliseconds
from tokenauth.models.order import LONGEST_REPORTS, Plane, RevocationOrder
from tokenauth.observability import log
from tokenauth.revocation.mirror import FOREVER, Answer, Kind, Order

#: Orders one statement brings; a reader that got as many asks again.
PAGE = 5_000

_KINDS = {int(kind): kind for kind in Kind}
_COLUMNS = ("id", "number", "kind", "key", "floor", "until")


def ask(connection: BaseDatabaseWrapper, *, after: int, waiting_after: int = 0) -> Answer | None:
    """Return what the plane says above a number, in one statement and so one snapshot.

    Args:
        after: The reader's own number.
        waiting_after: Id above which orders without a number are wanted.
    Returns:
        The answer, at most PAGE numbered and PAGE unnumbered orders; None while the plane has no row.
    """
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection), [after, after, waiting_after])
        rows = cursor.fetchall()
    if not rows:
        return None
    unix = _unix_of(connection)
    orders = [order for row in rows if (order := _order(row[7:], unix)) is not None]
    plane_id, n, longest_access, clients_version, keys_version, own, report_until = rows[0][:7]
    return Answer(
        plane_id=plane_id if isinstance(plane_id, UUID) else UUID(str(plane_id)),
        n=n,
        longest_access=longest_access,
        clients_version=clients_version or 0,
        keys_version=keys_version or 0,
        own_order=own,
        numbered=tuple(sorted((o for o in orders if o.number is not None), key=_number)),
        unnumbered=tuple(o for o in orders if o.number is None),
        report_until=report_until,
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
    held = quote(Catalogue._meta.db_table)

    def version(what: Held) -> str:
        return f"(SELECT version FROM {held} WHERE name = '{what.value}')"  # noqa: S608

    numbered = f"SELECT * FROM ({some} > %s ORDER BY {number} LIMIT {PAGE}) a"  # noqa: S608
    waiting = f"SELECT * FROM ({some} IS NULL AND {key} > %s ORDER BY {key} LIMIT {PAGE}) b"  # noqa: S608
    return (
        f"SELECT p.plane_id, p.n, p.longest_access, {version(Held.CLIENTS)}, {version(Held.KEYS)}, own.id, "  # noqa: S608
        f"{_asked(connection)}, {_prefixed(quote)} "
        f"FROM {plane} p LEFT JOIN {orders} own ON own.{number} = %s "
        f"LEFT JOIN ({numbered} UNION ALL {waiting}) o ON 1 = 1 WHERE p.id = 1"
    )


def _asked(connection: BaseDatabaseWrapper) -> str:
    """Until when reports are asked for, 0 for never: whoever wrote it, not for longer than is agreed."""
    now = milliseconds(connection)
    most = LONGEST_REPORTS * 1000
    return f"CASE WHEN p.report_until BETWEEN {now} AND {now} + {most} THEN p.report_until ELSE 0 END"


def _prefixed(quote: Any) -> str:
    return ", ".join(f"o.{quote(name)}" for name in _COLUMNS)


def _order(row: tuple[Any, ...], unix: Callable[[object], float]) -> Order | None:
    id_, number, kind, key, floor, until = row
    if id_ is None:
        return None
    if (known := _KINDS.get(kind)) is None:  # of a newer release, or forged: it must not stop the others
        log.note("unknown_order", level=logging.ERROR, order=id_, kind=kind)
        return None
    return Order(id_, number, known, key, floor, FOREVER if until is None else unix(until))


def _unix_of(connection: BaseDatabaseWrapper) -> Callable[[object], float]:
    """Return what makes unix seconds of a moment as the driver gives it."""
    column = RevocationOrder._meta.get_field("until").get_col("o")
    converters = connection.ops.get_db_converters(column)

    def unix(until: Any) -> float:
        for convert in converters:
            until = convert(until, column, connection)
        assert isinstance(until, datetime)  # noqa: S101 - for the type checker
        return until.timestamp()

    return unix
