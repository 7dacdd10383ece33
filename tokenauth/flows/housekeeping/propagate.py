"""The second line of news: what nobody told is told, and a cold mirror finds a head start (PROTOCOL 3)."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.db import connections

from tokenauth.flows.housekeeping.batches import Allowance
from tokenauth.models import RevocationOrder
from tokenauth.revocation import orders, source
from tokenauth.revocation.head_start import WORTHWHILE
from tokenauth.revocation.mirror import KINDS, Answer, Order
from tokenauth.revocation.notifiers import alias, mending, names, plane_keys, snapshot, stream
from tokenauth.revocation.notifiers.mending import BEYOND
from tokenauth.revocation.notifiers.snapshot import Head, NoSnapshot
from tokenauth.tokens.keyring import database

#: Seconds after which a snapshot is made again though little has changed: its pieces must not expire.
_OLD: Final = snapshot.LIFE // 4
#: Part of a snapshot's orders that must have come since before it is made again.
_CHANGED: Final = 0.1


def propagate_orders(at: datetime, allowance: Allowance | None = None) -> int:
    """Number and publish whatever is not, trim, and keep the packed snapshot of the live orders.

    Returns:
        How many orders were numbered, published or packed. Two queries where nothing is to be done.
    """
    numbered = orders.number_what_waits()
    used = alias.usable()
    if used is None:
        return numbered
    work = _InRedis(used)
    return numbered + work.publish_missing() + work.keep_snapshot(at)


class _InRedis:
    def __init__(self, used: str) -> None:
        namespace = alias.namespace(used)
        self._client: Any = alias.CLIENTS.patient(used)
        self._stream, self._snapshot = names.stream(namespace), names.snapshot(namespace)
        self._connection = connections[database()]
        self._keys = plane_keys.verifying()

    def publish_missing(self) -> int:
        """Bring the stream up to the database and down to its length."""
        last = next(iter(self._client.xrevrange(self._stream, count=1)), None)
        answer = source.ask(self._connection, after=mending.above(last))
        self._client.xtrim(self._stream, maxlen=stream.LENGTH, approximate=True)
        return mending.mend(self._client, self._stream, answer, last, self._keys) if answer else 0

    def keep_snapshot(self, at: datetime) -> int:
        """Make another snapshot where the one that lies there has fallen behind."""
        answer = source.ask(self._connection, after=BEYOND)
        former = self._former()
        if answer is None or answer.n < WORTHWHILE or not _is_due(former, answer, at) or _are_unknown():
            return 0
        last = source.ask(self._connection, after=answer.n)
        if last is None or last.own_order is None or last.plane_id != answer.plane_id:
            return 0
        head = Head(
            plane=answer.plane_id.hex,
            number=answer.n,
            order_id=last.own_order,
            pieces=0,
            orders=0,
            place=secrets.token_hex(8),
            made_at=int(at.timestamp()),
        )
        for piece in snapshot.in_pieces(self._live(head.number)):
            snapshot.put(self._client, self._snapshot, head, head.pieces, piece, self._keys[0])
            head = replace(head, pieces=head.pieces + 1, orders=head.orders + len(piece))
        snapshot.publish(self._client, self._snapshot, head, self._keys[0], former=former)
        return head.orders

    def _live(self, upto: int) -> Iterator[Order]:
        """Go through the numbered orders a page at a time: there may be a million."""
        after, now = 0, time.time()
        while (answer := source.ask(self._connection, after=after, waiting_after=BEYOND)) is not None:
            page = [order for order in answer.numbered if (order.number or 0) <= upto]
            if not page:
                return
            yield from (order for order in page if order.until > now)
            after = page[-1].number or 0

    def _former(self) -> Head | None:
        try:
            return snapshot.head(self._client, self._snapshot, self._keys)
        except NoSnapshot:
            return None


def _is_due(former: Head | None, answer: Answer, at: datetime) -> bool:
    if former is None or former.plane_id != answer.plane_id or former.number > answer.n:
        return True
    behind = answer.n - former.number
    return behind > former.orders * _CHANGED or at.timestamp() - former.made_at > _OLD


def _are_unknown() -> bool:
    # a newer release wrote them, and its processes must not start without them
    return RevocationOrder.objects.using(database()).exclude(kind__in=KINDS).exists()
