"""
The live orders, packed in pieces: what a cold mirror loads before it asks the database for the rest.

Pure: no database. A head start and never freshness: whoever loads it compares the order of its last number
with the database's, or with the stream (PROTOCOL 3).
"""

import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import repeat
from typing import Any, Final
from uuid import UUID

from tokenauth.revocation.mirror import KINDS, Kind, Order
from tokenauth.revocation.notifiers.message import is_ours, mac

VERSION: Final = 1
#: Orders of one piece: some 200 kB.
SIZE: Final = 5_000
#: Seconds that it lies there: `propagate_orders` writes another long before.
LIFE: Final = 86_400
#: No key holds it, where the database can hold it at all.
_BETWEEN: Final = "\x00"
_HEAD: Final = b"tokenauth plane snapshot head"
_PIECE: Final = b"tokenauth plane snapshot piece"
_MAC: Final = 32


class NoSnapshot(Exception):
    """There is none, or not one that can be believed: of another key or version, or in pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a snapshot holds: every live order up to a number."""

    version: int = VERSION
    #: Hexadecimal.
    plane: str
    number: int
    #: Id of the order that carries `number`.
    order_id: int
    pieces: int
    orders: int
    #: Names the pieces: another for each snapshot.
    place: str
    #: Unix seconds.
    made_at: int

    @property
    def plane_id(self) -> UUID:
        return UUID(hex=self.plane)

    def sealed(self, key: bytes) -> bytes:
        body = json.dumps(asdict(self), separators=(",", ":")).encode()
        return mac(key, _HEAD, body) + body


def head(client: Any, name: str, keys: Sequence[bytes]) -> Head:
    """Return the head of the snapshot in Redis.

    Raises:
        NoSnapshot: There is none that one of the keys made and this release reads.
    """
    raw = client.get(name) or b""
    if not is_ours(keys, _HEAD, raw[_MAC:], raw[:_MAC]):
        raise NoSnapshot
    facts = json.loads(raw[_MAC:])
    if facts.get("version") != VERSION:
        raise NoSnapshot
    return Head(**facts)


def pieces(client: Any, name: str, of: Head, keys: Sequence[bytes]) -> Iterator[list[Order]]:
    """Return the orders of a snapshot, a piece at a time. One command a piece.

    Raises:
        NoSnapshot: A piece is missing or was changed; what came before counts for nothing.
    """
    for at in range(of.pieces):
        raw = client.get(_piece(name, of, at)) or b""
        if not is_ours(keys, _label(of, at), raw[_MAC:], raw[:_MAC]):
            raise NoSnapshot
        yield unpack(raw[_MAC:], of.number)


def put(client: Any, name: str, of: Head, at: int, orders: Sequence[Order], key: bytes) -> None:
    """Write one piece of a snapshot that nobody reads yet."""
    body = pack(orders)
    client.set(_piece(name, of, at), mac(key, _label(of, at), body) + body, ex=LIFE)


def publish(client: Any, name: str, of: Head, key: bytes, *, former: Head | None) -> None:
    """Let readers find a snapshot that is complete, and drop the one before."""
    client.set(name, of.sealed(key), ex=LIFE)
    if former is not None and former.place != of.place:
        # a reader in the middle of it begins again, or asks the database
        for at in range(former.pieces):
            client.unlink(_piece(name, former, at))


def pack(orders: Sequence[Order]) -> bytes:
    """Return orders without numbers and ids, column by column.

    Raises:
        ValueError: A key holds the character that parts keys.
    """
    keys = [order.key for order in orders]
    if any(_BETWEEN in key for key in keys):
        raise ValueError("a key of an order cannot be packed")
    kinds = bytes(order.kind for order in orders)
    floors = array("q", (order.floor for order in orders))
    until = array("d", (order.until for order in orders))
    parts = [kinds, floors.tobytes(), until.tobytes(), _BETWEEN.join(keys).encode()]
    return len(orders).to_bytes(4, "big") + zlib.compress(b"".join(parts), 1)


def unpack(raw: bytes, number: int) -> list[Order]:
    """Return the orders that a piece holds, as if all carried the snapshot's number."""
    count, body = int.from_bytes(raw[:4], "big"), zlib.decompress(raw[4:])
    floors, until = array("q"), array("d")
    floors.frombytes(body[count : 9 * count])
    until.frombytes(body[9 * count : 17 * count])
    keys = body[17 * count :].decode().split(_BETWEEN)
    kinds = map(_KINDS.__getitem__, body[:count])
    columns = zip(repeat(0, count), repeat(number, count), kinds, keys, floors, until, strict=True)
    # a million of them: what `Order` itself does, without a call of Python's for each
    return list(map(_ORDER, columns))


_ORDER: Final[Callable[[tuple[Any, ...]], Order]] = partial(tuple.__new__, Order)
_KINDS: Final[Mapping[int, Kind]] = {int(kind): kind for kind in KINDS}


def in_pieces(orders: Iterable[Order], size: int = SIZE) -> Iterator[list[Order]]:
    """Cut a stream of orders into pieces."""
    piece: list[Order] = []
    for order in orders:
        piece.append(order)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece


def _piece(name: str, of: Head, at: int) -> str:
    return f"{name}:{of.place}:{at}"


def _label(of: Head, at: int) -> bytes:
    # a piece of another snapshot, or another piece of this one, is not this piece
    return b"%s %s %d" % (_PIECE, of.place.encode(), at)
