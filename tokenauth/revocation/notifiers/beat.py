"""
The beat: up to which number a process had followed the database, and as of when on Redis' own clock.

Pure: no database. `time` is what Redis said BEFORE the database was asked, so that every order which was
committed by then has a number of at most `number` (PROTOCOL 3, "Readers without the database").
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tokenauth.revocation.notifiers.message import is_ours, mac

VERSION: Final = b"1"
_FACTS: Final = struct.Struct(">16sQQ")
_LABEL: Final = b"tokenauth plane beat 1"

#: KEYS: beat. ARGV: time, the furthest that Redis' clock may have moved since, number, plane, MAC,
#: "1" where what lies there is not ours. Returns 1 where it was written, else 0. One that lies there from
#: the future was timed by a clock that is no longer asked.
WRITE: Final = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local moved = now - tonumber(ARGV[1])
if moved < 0 or moved > tonumber(ARGV[2]) then return 0 end
local held = redis.call('HMGET', KEYS[1], 'time', 'number', 'plane')
if ARGV[6] ~= '1' and held[1] and held[2] and held[3] == ARGV[4] then
  if tonumber(held[2]) > tonumber(ARGV[3]) then return 0 end
  if tonumber(held[1]) > tonumber(ARGV[1]) and tonumber(held[1]) <= now then return 0 end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'v', '1', 'time', ARGV[1], 'number', ARGV[3], 'plane', ARGV[4], 'mac', ARGV[5])
return 1
"""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a process knew."""

    #: Microseconds of Redis' TIME.
    time: int
    number: int
    plane_id: UUID

    def mac(self, key: bytes) -> bytes:
        return mac(key, _LABEL, self._body())

    def _body(self) -> bytes:
        return _FACTS.pack(self.plane_id.bytes, self.number, self.time)

    def is_ours(self, keys: Sequence[bytes], given: bytes) -> bool:
        return is_ours(keys, _LABEL, self._body(), given)


def read(fields: Mapping[bytes, bytes], keys: Sequence[bytes]) -> Beat | None:
    """Return the beat that a hash holds; None where there is none that a plane key made."""
    try:
        if fields[b"v"] != VERSION:
            return None
        beat = Beat(int(fields[b"time"]), int(fields[b"number"]), UUID(bytes=fields[b"plane"]))
        return beat if beat.is_ours(keys, fields[b"mac"]) else None
    except (KeyError, ValueError, struct.error):
        return None
