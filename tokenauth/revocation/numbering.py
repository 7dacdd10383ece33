"""Numbers for committed orders: contiguous, in order, by whoever comes first (PROTOCOL 3)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from tokenauth import conf
from tokenauth.models.order import Plane, RevocationOrder
from tokenauth.revocation.mirror import KINDS, Kind, Order

#: Orders one short transaction numbers.
BATCH = 500
#: Seconds an order outlives the last token it can concern.
SLACK = 60


#: Called with the plane's id and orders that have just got their numbers.
Tell = Callable[[UUID, Sequence[Order]], None]


def number_visible(connection: BaseDatabaseWrapper, *, tell: Tell | None = None) -> list[Order]:
    """Number the orders that are committed and have no number.

    Nobody waits: while another process numbers, this one leaves it to that one, which looks once more.

    Args:
        tell: What to do with each batch once it is committed, before the look for another one.
    Returns:
        Those that got their number, in its order. Three statements and one for each order, at most 500
        orders a batch.
    """
    numbered: list[Order] = []
    while (batch := _number_batch(connection)) is not None:  # whom we kept from numbering looks to us
        plane_id, orders = batch
        numbered += orders
        if tell is not None:
            tell(plane_id, orders)
    return numbered


def _number_batch(connection: BaseDatabaseWrapper) -> tuple[UUID, list[Order]] | None:
    try:
        with in_transaction(connection):
            return _numbered_in_transaction(connection)
    except Error:
        # REPEATABLE READ, SQLITE_BUSY: another numberer won; what is left is anybody's next poll
        return None


def _numbered_in_transaction(connection: BaseDatabaseWrapper) -> tuple[UUID, list[Order]] | None:
    quote = connection.ops.quote_name
    plane, orders = quote(Plane._meta.db_table), quote(RevocationOrder._meta.db_table)
    number, until, key = quote("number"), quote("until"), quote("key")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT n, longest_access, plane_id FROM {plane} "  # noqa: S608 - only quoted names
            f"WHERE id = 1{_lock(connection)}"
        )
        held = cursor.fetchone()
        if held is None:
            return None
        n, longest_access, plane_id = held
        # a later statement: at READ COMMITTED it sees what was numbered before we got the lock
        cursor.execute(
            f"SELECT id, kind, {key}, floor FROM {orders} "  # noqa: S608 - only quoted names
            f"WHERE {number} IS NULL ORDER BY id LIMIT {BATCH}"
        )
        waiting = list(enumerate(cursor.fetchall(), start=n + 1))
        if not waiting:
            return None
        end = timezone.now() + timedelta(seconds=longest_access + conf.current().LEEWAY + SLACK)
        cursor.executemany(
            f"UPDATE {orders} SET {number} = %s, {until} = %s WHERE id = %s",  # noqa: S608
            [(place, connection.ops.adapt_datetimefield_value(end), id_) for place, (id_, *_) in waiting],
        )
        cursor.execute(f"UPDATE {plane} SET n = %s WHERE id = 1", [n + len(waiting)])  # noqa: S608
    numbered = [
        Order(id_, place, Kind(kind), subject, floor, end.timestamp())
        for place, (id_, kind, subject, floor) in waiting
        if kind in KINDS
    ]
    return plane_id if isinstance(plane_id, UUID) else UUID(str(plane_id)), numbered


def _lock(connection: BaseDatabaseWrapper) -> str:
    if connection.features.has_select_for_update_skip_locked:
        return " FOR UPDATE SKIP LOCKED"
    return " FOR UPDATE" if connection.features.has_select_for_update else ""


@contextmanager
def in_transaction(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Put what is done through any connection, a mirror's own too, into one transaction."""
    # a mirror's own connection has no alias, so `atomic` cannot find it
    if connection.in_atomic_block:
        yield
        return
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.set_autocommit(True)
