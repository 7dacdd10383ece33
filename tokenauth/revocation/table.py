"""Very many floors in little memory: open addressing in arrays, in shards that grow by themselves.

No step is long: the largest is to build one shard anew, beside, and to put it in the old one's place.
Who reads takes no lock, one thread at a time writes, and whatever a reader sees in between was true.
"""

import os
from array import array
from collections import Counter
from collections.abc import Iterator
from math import ceil, inf
from typing import Final

#: What stands before each key that is hashed: a stranger who chooses ids cannot make them collide, also
#: where PYTHONHASHSEED is set.
_SALT: Final = os.urandom(16).hex()
_SHARDS: Final = 256
_SHARD_BITS: Final = _SHARDS.bit_length() - 1
#: Bits of the hash that say where in a shard to begin.
_PLACE_BITS: Final = 20
_PLACES: Final = (1 << _PLACE_BITS) - 1
#: Slots behind the last place, so that no search starts again at the front; the last is never used.
_OVERHANG: Final = 64
_SMALLEST: Final = 32
#: The largest number of four bytes: an end that never comes, a floor that is kept elsewhere.
_MOST: Final = 2**32 - 1
#: Bytes of a slot: hash, floor, end; and what a shard's objects take besides.
_SLOT, _SHARD = 16, 600

Entry = tuple[int, float]


def hash_of(key: str) -> int:
    """Return a key's 64 bits, never 0: other ones in each process (SipHash)."""
    return hash(_SALT + key) or 1


def whole(until: float) -> int:
    """Return the second in which an end has come for sure."""
    return _MOST if until >= _MOST else max(ceil(until), 0)


class _Shard:
    __slots__ = ("ends", "floors", "hashes", "maybe", "places", "size", "used")

    def __init__(self, entries: int) -> None:
        self.size = size = entries * 5 // 4 + _SMALLEST
        self.used = 0
        #: 0 where a slot is empty.
        self.hashes = array("q", bytes(8 * (size + _OVERHANG)))
        self.floors = array("I", bytes(4 * (size + _OVERHANG)))
        #: Unix seconds, rounded up; that of an empty slot is the last to come.
        self.ends = array("I", b"\xff" * (4 * (size + _OVERHANG)))
        # nearly every question is about a key that is not here, and one bit says so
        self.places = (1 << (4 * size).bit_length()) - 1
        self.maybe = bytearray((self.places + 1) >> 3)

    def has_room(self) -> bool:
        return self.used * 5 < self.size * 4

    def find(self, hash_: int) -> int:
        """Return the slot of a hash: the empty one where it belongs when it is not here."""
        hashes = self.hashes
        slot = ((hash_ >> _SHARD_BITS & _PLACES) * self.size) >> _PLACE_BITS
        while (found := hashes[slot]) and found != hash_:
            slot += 1
        return slot

    def put(self, slot: int, hash_: int, floor: int, end: int) -> None:
        """Fill an empty slot: its hash last, since that is what readers find it by."""
        self.floors[slot], self.ends[slot] = floor, end
        bit = hash_ >> _SHARD_BITS & self.places
        self.maybe[bit >> 3] |= 1 << (bit & 7)
        self.hashes[slot] = hash_
        self.used += 1

    def entries(self) -> Iterator[tuple[int, int, int]]:
        return (entry for entry in zip(self.hashes, self.floors, self.ends, strict=True) if entry[0])


class Table:
    """Key -> (floor, end). Of two entries about one key the later floor and the later end count.

    Keys are told apart by 64 bits of a keyed hash. Two that share them share the later floor and end too,
    so that a collision may refuse a token which lives, and never accept one which is dead. A token asks
    about five keys: beside 1,000,000 entries that happens to one in 3.7 million million.
    """

    __slots__ = ("_large", "_length", "_shards", "_slots")

    def __init__(self) -> None:
        self._shards = [_Shard(0) for _ in range(_SHARDS)]
        self._slots = sum(shard.size for shard in self._shards)
        self._length = 0
        #: hash -> floor, of the few that four bytes do not hold.
        self._large: dict[int, int] = {}

    def __len__(self) -> int:
        return self._length

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def get(self, key: str) -> Entry | None:
        """Return a key's floor and end."""
        hash_ = hash(_SALT + key) or 1  # `hash_of` and `find`, without the calls
        shard = self._shards[hash_ & (_SHARDS - 1)]
        bit = hash_ >> _SHARD_BITS & shard.places
        if not shard.maybe[bit >> 3] >> (bit & 7) & 1:
            return None
        hashes = shard.hashes
        slot = ((hash_ >> _SHARD_BITS & _PLACES) * shard.size) >> _PLACE_BITS
        while (found := hashes[slot]) != hash_:
            if not found:
                return None
            slot += 1
        return self._read(hash_, shard.floors[slot], shard.ends[slot])

    def raise_to(self, key: str, floor: int, until: float) -> None:
        """Raise a key's floor and end, each to at least this."""
        self._raise(hash_of(key), floor, whole(until))

    def merge(self, other: "Table") -> None:
        """Take in all that another table of this process holds."""
        for hash_, (floor, until) in other.by_hash():
            self._raise(hash_, floor, whole(until))

    def end(self, key: str, until: float) -> None:
        """Give a key an end if it has none."""
        hash_ = hash_of(key)
        shard = self._shards[hash_ & (_SHARDS - 1)]
        slot = shard.find(hash_)
        if shard.hashes[slot] == hash_ and shard.ends[slot] == _MOST:
            shard.ends[slot] = whole(until)

    def end_all(self, until: float) -> None:
        """Give an end to all that has none."""
        end = whole(until)
        for shard in self._shards:
            for slot, hash_ in enumerate(shard.hashes):
                if hash_ and shard.ends[slot] == _MOST:
                    shard.ends[slot] = end

    def by_hash(self) -> Iterator[tuple[int, Entry]]:
        """Return all entries, by the hash of their keys."""
        for shard in self._shards:
            for hash_, floor, end in shard.entries():
                yield hash_, self._read(hash_, floor, end)

    def drop_until(self, now: float) -> Iterator[None]:
        """Drop what has ended by a second, one shard for each step that is asked for."""
        for number in range(_SHARDS):
            self._drop(number, now)
            yield

    def memory(self) -> int:
        """Return about how many bytes it holds."""
        overhang = _SHARDS * _OVERHANG
        return (self._slots + overhang) * _SLOT + self._slots * 3 // 4 + _SHARDS * _SHARD

    def ends(self) -> Counter[int]:
        """Return how many entries end in which second."""
        count: Counter[int] = Counter()
        for shard in self._shards:
            count.update(end for _, _, end in shard.entries())
        return count

    def _read(self, hash_: int, floor: int, end: int) -> Entry:
        return (
            floor if floor != _MOST else self._large.get(hash_, _MOST),
            inf if end == _MOST else float(end),
        )

    def _raise(self, hash_: int, floor: int, end: int) -> None:
        if floor >= _MOST:  # before the slot says that it is there
            self._large[hash_] = max(floor, self._large.get(hash_, 0))
            floor = _MOST
        number = hash_ & (_SHARDS - 1)
        shard = self._shards[number]
        slot = shard.find(hash_)
        if shard.hashes[slot]:
            if floor > shard.floors[slot]:
                shard.floors[slot] = floor
            if end > shard.ends[slot]:
                shard.ends[slot] = end
            return
        while not shard.has_room() or slot >= len(shard.hashes) - 1:
            shard = self._rebuilt(number, shard.used * 7 // 5, list(shard.entries()))
            slot = shard.find(hash_)
        shard.put(slot, hash_, floor, end)
        self._length += 1

    def _drop(self, number: int, now: float) -> None:
        shard = self._shards[number]
        if min(shard.ends) > now:
            return
        kept = [entry for entry in shard.entries() if entry[2] > now]
        self._length -= shard.used - len(kept)
        shard = self._rebuilt(number, len(kept) * 9 // 8, kept)
        # after the shard: who found a slot in it may still look for its floor
        for hash_ in [h for h in self._large if h & (_SHARDS - 1) == number]:
            if not shard.hashes[shard.find(hash_)]:
                del self._large[hash_]

    def _rebuilt(self, number: int, room: int, entries: list[tuple[int, int, int]]) -> _Shard:
        """Put a shard with room for so many entries in the place of another."""
        while not _filled(new := _Shard(room), entries):
            room = room * 5 // 4 + _SMALLEST
        self._slots += new.size - self._shards[number].size
        self._shards[number] = new
        return new


def _filled(shard: _Shard, entries: list[tuple[int, int, int]]) -> bool:
    """Put all into an empty shard that no reader knows yet; False where its end is too near."""
    hashes, floors, ends, maybe = shard.hashes, shard.floors, shard.ends, shard.maybe
    size, places, last = shard.size, shard.places, len(shard.hashes) - 1
    for hash_, floor, end in entries:
        place = hash_ >> _SHARD_BITS
        slot = ((place & _PLACES) * size) >> _PLACE_BITS
        while hashes[slot]:
            slot += 1
        if slot >= last:
            return False
        hashes[slot], floors[slot], ends[slot] = hash_, floor, end
        bit = place & places
        maybe[bit >> 3] |= 1 << (bit & 7)
    shard.used = len(entries)
    return True
