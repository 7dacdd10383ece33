"""A page of the feed, answered by the database: its freshness is the database's (PROTOCOL 3)."""

import math
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.errors import Cause, Refused
from tokenauth.flows.feed.cursor import Cursor
from tokenauth.models.key import KeyPurpose
from tokenauth.observability import log
from tokenauth.policy.clients import KnownClient
from tokenauth.revocation import clock, numbering, source
from tokenauth.revocation.digests import digest, server_key
from tokenauth.revocation.mirror import FOREVER, Answer, Order
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keyring import KEYRING, database


@dataclass(frozen=True, slots=True)
class Page:
    """What one resource server is told."""

    cursor: Cursor
    #: Whether the reader's own cursor leads nowhere: it is told all that is in force.
    reset: bool
    more: bool
    orders: tuple[dict[str, Any], ...]
    #: Of the reader's digests; it is sent with a reset alone.
    key: bytes = field(repr=False)
    #: Before the database was asked, by `revocation.clock`.
    asked_at: float

    @property
    def is_news(self) -> bool:
        """Whether a reader that waits has to be told."""
        return bool(self.orders) or self.reset or self.more

    def members(self) -> dict[str, Any]:
        members = {
            "cursor": str(self.cursor),
            "reset": self.reset,
            "more": self.more,
            "orders": list(self.orders),
        }
        return members | {"key": to_base64url(self.key)} if self.reset else members


def page(caller: KnownClient, *, after: str | None) -> Page | Refused:
    """Tell an authenticated resource server which orders came after its cursor.

    Orders that have no number yet are told too, without an end, and again until they have one: the
    cursor passes only what is numbered, so none is lost.

    Args:
        caller: The authenticated resource server.
        after: The cursor as it was sent.
    Returns:
        At most `source.PAGE` orders of each sort; `Refused(BUSY)` while more than that wait for their
        number. One query, three where the reader starts anew.
    """
    plane_key = KEYRING.active(KeyPurpose.PLANE)
    connection = connections[database()]
    cursor = Cursor.read(after)
    asked_at, answer = _asked(connection, 0 if cursor is None else cursor.number)
    reset = cursor is None or not cursor.is_continued_by(answer, kid=plane_key.kid)
    if reset and cursor is not None:
        log.note("feed_starts_anew", client=caller.client_id, number=cursor.number)
        asked_at, answer = _asked(connection, 0)
    if len(answer.unnumbered) >= source.PAGE:
        numbering.number_visible(connection)
        return Refused(Cause.BUSY, retry_after=1)
    key = server_key(plane_key.mac, caller.client_id)
    return Page(
        cursor=_moved(None if reset else cursor, answer, plane_key.kid),
        reset=reset,
        more=len(answer.numbered) >= source.PAGE,
        orders=tuple(_told(order, key) for order in (*answer.numbered, *answer.unnumbered)),
        key=key,
        asked_at=asked_at,
    )


def _asked(connection: BaseDatabaseWrapper, after: int) -> tuple[float, Answer]:
    while True:
        asked_at = clock.now()
        answer = source.ask(connection, after=after)
        if answer is not None:
            return asked_at, answer
        source.make_plane(connection)


def _moved(cursor: Cursor | None, answer: Answer, kid: str) -> Cursor:
    if answer.numbered:
        last = answer.numbered[-1]
        return Cursor(answer.plane_id, last.number or 0, last.id, kid)
    return cursor or Cursor(answer.plane_id, 0, None, kid)


def _told(order: Order, key: bytes) -> dict[str, Any]:
    """Kind, digest, floor and end, and nothing else (PROTOCOL 6)."""
    return {
        "kind": int(order.kind),
        "digest": digest(key, order.kind, order.key),
        "floor": order.floor,
        "until": None if order.until == FOREVER else math.ceil(order.until),
    }
