"""Inserting an order in the caller's transaction and seeing it numbered after its commit."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connections, transaction

from tokenauth.models.order import OrderKind, RevocationOrder
from tokenauth.revocation import numbering
from tokenauth.revocation.mirror import Order
from tokenauth.revocation.notifiers import publishing
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.keyring import database


def order(
    kind: OrderKind, *, key: str = "", floor: int = 0, at: datetime, cause: str = "", actor: str = ""
) -> RevocationOrder:
    """Return an order that is not saved yet."""
    return RevocationOrder(kind=kind, key=key, floor=floor, at=at, cause=cause, actor=actor[:255])


def record(
    kind: OrderKind, *, key: str = "", floor: int = 0, at: datetime, cause: str = "", actor: str = ""
) -> RevocationOrder:
    """Insert an order in the caller's transaction; it is numbered after the commit. One query."""
    new = order(kind, key=key, floor=floor, at=at, cause=cause, actor=actor)
    new.save(using=database(), force_insert=True)
    number_after_commit()
    return new


def number_after_commit() -> None:
    """Number what the current transaction inserts once it has committed, at once without one.

    A hint, not the guarantee: a writer that dies here leaves it to any mirror's next poll.
    """
    alias = database()
    transaction.on_commit(_number_now, using=alias, robust=True)


def _number_now() -> None:
    numbering.number_visible(connections[database()], tell=_tell)


def number_what_waits() -> int:
    """Number what is committed and has no number, and tell every process; return how many there were.

    Inside a transaction nobody is told: what is numbered there may be rolled back.
    """
    connection = connections[database()]
    return len(numbering.number_visible(connection, tell=None if connection.in_atomic_block else _tell))


def _tell(plane_id: UUID, numbered: Sequence[Order]) -> None:
    MIRROR.hint(numbered)
    publishing.publish(numbered, plane_id)
