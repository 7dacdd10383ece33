"""Numbered orders in a Redis stream, without a gap as long as everybody who numbers also publishes.

Pure: no database; the client is the caller's. Commands of Redis 6.2 and of Valkey.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from tokenauth.revocation.mirror import Order
from tokenauth.revocation.notifiers import message

VERSION: Final = b"1"
#: Entries that are kept, about.
LENGTH: Final = 100_000
#: Entries that one question brings.
PAGE: Final = 1_000

#: KEYS: stream. ARGV: first number, length, "1" to begin the stream anew, then number and message of each.
#: Returns the newest number that lay there; where the first would leave a gap nothing is added. An entry
#: that says something else under a number of ours is of another history, or forged: begun anew too.
ADD: Final = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local newest = last and tonumber(string.match(last[1], '^%d+')) or 0
if last and newest < tonumber(ARGV[1]) - 1 and ARGV[3] ~= '1' then return string.format('%.0f', newest) end
local anew = ARGV[3] == '1'
for at = 4, #ARGV, 2 do
  if tonumber(ARGV[at]) <= newest then
    local there = redis.call('XRANGE', KEYS[1], ARGV[at] .. '-0', ARGV[at] .. '-0')[1]
    anew = anew or (there and there[2][4] ~= ARGV[at + 1])
  end
end
-- an empty one remembers the highest id it ever had, and would take none below
if anew or not last then
  redis.call('UNLINK', KEYS[1])
  newest = 0
end
for at = 4, #ARGV, 2 do
  if tonumber(ARGV[at]) > newest then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[at] .. '-0', 'v', '1', 'm', ARGV[at + 1])
  end
end
return string.format('%.0f', newest)
"""

_ID: Final = re.compile(rb"(\d{1,19})-0")

Entry = tuple[bytes, dict[bytes, bytes]]


def add(
    client: Any, stream: str, messages: Sequence[tuple[int, bytes]], *, anew: bool = False
) -> tuple[bool, int]:
    """Add messages that follow on each other; those that are there already are left alone.

    Returns:
        Whether the stream now reaches at least to the last of them without a gap, and the newest number
        that lay there before. One command.
    """
    first = messages[0][0]
    flat: list[Any] = [part for message in messages for part in message]
    newest = int(client.eval(ADD, 1, stream, first, LENGTH, int(anew), *flat))
    return newest == 0 or newest >= first - 1, newest


def number_of(entry: Entry) -> int:
    """Return the number that an entry's id claims."""
    return int(entry[0].partition(b"-")[0])


def message_of(entry: Entry) -> tuple[int, bytes] | None:
    """Return number and message of an entry; None where a newer release or somebody else wrote it."""
    id_, fields = entry
    found = _ID.fullmatch(id_)
    if found is None or fields is None or fields.get(b"v") != VERSION or b"m" not in fields:
        return None
    return int(found[1]), fields[b"m"]


def contiguous(orders: Iterable[Order | None], *, after: int) -> tuple[list[Order], bool]:
    """Return the orders that follow on a number without a gap, and whether those were all."""
    following: list[Order] = []
    for order in orders:
        if order is None or order.number != after + 1:
            return following, False
        following.append(order)
        after += 1
    return following, True


def packed(orders: Sequence[Order], plane_id: UUID, key: bytes) -> list[tuple[int, bytes]]:
    """Return number and message of each order."""
    return [(order.number or 0, message.pack(order, plane_id=plane_id, key=key)) for order in orders]


def unpacked(entries: Sequence[Entry], plane_id: UUID, keys: Sequence[bytes]) -> list[Order | None]:
    """Return the order of each entry; None where it is not believed."""
    return [_order(entry, plane_id, keys) for entry in entries]


def _order(entry: Entry, plane_id: UUID, keys: Sequence[bytes]) -> Order | None:
    found = message_of(entry)
    if found is None:
        return None
    order = message.unpack(found[1], plane_id=plane_id, keys=keys)
    return order if order is not None and order.number == found[0] else None
