"""
An order on a wire: version, MAC, then plane, number, id, kind, floor, until and key.

Pure: no database, no Redis. A message is believed as far as a notification ever is: it can only shorten
the wait (PROTOCOL 3).
"""

import hmac
import struct
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tokenauth.revocation.mirror import KINDS, Kind, Order

VERSION: Final = b"\x01"
_MAC: Final = 32
_FACTS: Final = struct.Struct(">16sQQBqd")
_LABEL: Final = b"tokenauth plane order"


def mac(key: bytes, label: bytes, body: bytes) -> bytes:
    """Return HMAC-SHA-256 of a body of one kind: none can stand for another. 32 bytes."""
    return hmac.digest(key, label + b"\x00" + body, "sha256")


def is_ours(keys: Sequence[bytes], label: bytes, body: bytes, given: bytes) -> bool:
    """Whether one of the plane's keys made this MAC; in constant time for each."""
    # all of them, whichever fits: the time tells nothing
    fits = [hmac.compare_digest(mac(key, label, body), given) for key in keys]
    return any(fits)


def pack(order: Order, *, plane_id: UUID, key: bytes) -> bytes:
    """Return a numbered order as others can check it.

    Args:
        key: The plane key in use.
    """
    assert order.number is not None  # noqa: S101 - only a programmer can
    facts = _FACTS.pack(plane_id.bytes, order.number, order.id, order.kind, order.floor, order.until)
    body = VERSION + facts + order.key.encode()
    return VERSION + mac(key, _LABEL, body) + body[1:]


def unpack(raw: bytes, *, plane_id: UUID, keys: Sequence[bytes]) -> Order | None:
    """Return the order that a message holds.

    Args:
        plane_id: Of the reader: another one's numbers mean nothing here.
        keys: The plane keys that verify.
    Returns:
        None where it is of another version or plane, was not made with one of the keys, or is of a kind
        that this release does not know: whoever reads it asks the database.
    """
    given, rest = raw[1 : 1 + _MAC], raw[1 + _MAC :]
    if raw[:1] != VERSION or len(rest) < _FACTS.size or not is_ours(keys, _LABEL, VERSION + rest, given):
        return None
    plane, number, id_, kind, floor, until = _FACTS.unpack_from(rest)
    if plane != plane_id.bytes or kind not in KINDS:
        return None
    return Order(id_, number, Kind(kind), rest[_FACTS.size :].decode(), floor, until)
