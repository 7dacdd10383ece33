"""Bringing a stream up to the database: what its publishers did not tell, and what is of another history."""

from collections.abc import Sequence
from typing import Any, Final

from tokenauth.revocation.mirror import Answer
from tokenauth.revocation.notifiers import stream

#: Above every number: a question that brings no orders.
BEYOND: Final = 2**62


def above(last: stream.Entry | None) -> int:
    """Return the number above which the database is asked: an empty stream begins with the next order."""
    return min(stream.number_of(last), BEYOND) if last else BEYOND


def mend(client: Any, name: str, answer: Answer, last: stream.Entry | None, keys: Sequence[bytes]) -> int:
    """Add what is missing above the stream's last entry, or throw the stream away.

    Args:
        answer: To a question that was asked after `last` was read, `above` it.
    Returns:
        How many orders were added.
    """
    if last is None:
        return 0
    newest, order = above(last), stream.unpacked([last], answer.plane_id, keys)[0]
    orders, _ = stream.contiguous(answer.numbered, after=newest)
    reached = orders[-1].number if orders else newest
    if order is None or answer.own_order not in (None, order.id) or reached != answer.n:
        # it never was ours, or too much is missing: readers below go to the database or the feed
        client.unlink(name)
        return 0
    for at in range(0, len(orders), stream.PAGE):
        page = orders[at : at + stream.PAGE]
        stream.add(client, name, stream.packed(page, answer.plane_id, keys[0]))
    return len(orders)
