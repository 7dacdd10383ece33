"""A process's own copy of the live orders: what a verifier asks instead of the database (PROTOCOL 3).

Pure data: no database, no clock, no thread. `resource` uses it as it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple
from uuid import UUID

from tokenauth.errors import Cause
from tokenauth.revocation.table import Entry, Table, hash_of, whole
from tokenauth.tokens.claims import AccessClaims

FOREVER: Final = float("inf")
#: Site epochs from here on are unix seconds: a new history began then (`tokenauth_plane new-epoch`), and
#: no counting reaches them.
ERA: Final = 1_000_000_000


class Kind(IntEnum):
    """REFERENCE T5; the same numbers as in the table and on every wire."""

    SITE = 1
    BEFORE = 2
    CLIENT = 3
    DEVICE = 4
    USER = 5
    FAMILY = 6
    JTI = 7
    KID = 8
    GENERATION = 9


#: A number that is none of them is of a newer release, or forged.
KINDS: Final = frozenset(Kind)


class Order(NamedTuple):
    """One revocation as a mirror learns it. A tuple, since a cold mirror makes one for each that lives."""

    id: int
    number: int | None
    kind: Kind
    key: str
    floor: int
    #: Unix seconds after which no token that it concerns can be alive; FOREVER until it is numbered.
    until: float


#: Entries of one kind that a dict holds; a table is slower to ask and takes a quarter of the memory.
FEW: Final = 4_096
#: Bytes that an entry of a dict takes, with its key.
_ENTRY: Final = 300

# an enum's members are slow to reach: a check names nine kinds
_SITE, _BEFORE, _CLIENT, _DEVICE = map(int, (Kind.SITE, Kind.BEFORE, Kind.CLIENT, Kind.DEVICE))
_USER, _FAMILY, _JTI, _KID = map(int, (Kind.USER, Kind.FAMILY, Kind.JTI, Kind.KID))
_GENERATION = int(Kind.GENERATION)


class Floors:
    """The live orders, merged: of two orders about one thing the later floor and the later end count.

    Who asks takes no lock; one thread at a time changes them.
    """

    __slots__ = ("_held",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        #: By kind: key -> (floor, until).
        self._held: list[dict[str, Entry] | Table] = [{} for _ in range(max(Kind) + 1)]

    def apply(self, orders: Iterable[Order]) -> None:
        """Take in orders; in any order and any number of times they give the same."""
        for _, _, kind, key, floor, until in orders:
            entries = self._held[kind]
            if isinstance(entries, Table):
                entries.raise_to(key, floor, until)
            else:
                self._raise(kind, key, floor, until)

    def merge(self, other: "Floors") -> None:
        """Take in all that another mirror's floors hold."""
        for kind, entries in enumerate(other._held):
            if isinstance(entries, Table):
                self._as_table(kind).merge(entries)
            else:
                for key, (floor, until) in entries.items():
                    self._raise(kind, key, floor, until)

    def settle(self, order: Order) -> None:
        """Give an order that was applied while it had no number its end."""
        entries = self._held[order.kind]
        if isinstance(entries, Table):
            entries.end(order.key, order.until)
        else:
            floor, until = entries[order.key]
            if until == FOREVER:
                entries[order.key] = (floor, order.until)

    def drop_expired(self, now: float) -> None:
        """Drop what no living token can concern.

        Args:
            now: Unix seconds.
        """
        for _ in self.dropping_expired(now):
            pass

    def dropping_expired(self, now: float) -> Iterator[None]:
        """Do as `drop_expired`, a small step each time that one is asked for."""
        for kind in Kind:
            yield from self._dropping(kind, now)

    def shed_supersessions(self, most: int) -> int:
        """Drop supersessions, shortest life first, until no more than `most` bytes are held.

        Returns:
            How many; where they were not enough, the rest is revocations, which stay.
        """
        before = len(self._held[_GENERATION])
        while (excess := self.memory() - most) > 0 and (held := self._held[_GENERATION]):
            left = len(held)
            end = _end_of_the_first(held, 1 + left * excess / _memory(held))
            for _ in self._dropping(_GENERATION, end):
                pass
            if self._held[_GENERATION] is held and len(held) == left:
                break  # what has no number yet has no end
        return before - len(self._held[_GENERATION])

    def left_by(self, new: "Floors") -> "Floors":
        """Return what stays in force beside the floors of another history: all, unless that is a new era."""
        era = new.floor(Kind.SITE)
        if era >= ERA and era > self.floor(Kind.SITE):
            return self.only(Kind.KID)  # all else is older than the site is now; a key forges its age
        return self

    def only(self, kind: Kind) -> "Floors":
        """Return what is held of one kind, shared and not copied."""
        part = Floors()
        part._held[kind] = self._held[kind]
        return part

    def end_all(self, until: float) -> None:
        """Give an end to all that has none."""
        for kind, entries in enumerate(self._held):
            if isinstance(entries, Table):
                entries.end_all(until)
            elif any(end == FOREVER for _, end in entries.values()):
                self._held[kind] = {
                    key: (floor, until if end == FOREVER else end) for key, (floor, end) in entries.items()
                }

    def floor(self, kind: Kind, key: str = "") -> int:
        """Return the floor that orders set for a subject: 0 where there is none."""
        entry = self._held[kind].get(key)
        return entry[0] if entry else 0

    def has_ended(self, kind: Kind, key: str) -> bool:
        """Whether an order ended this family, token or key for good."""
        return key in self._held[kind]

    def why_refused(self, claims: AccessClaims) -> Cause | None:
        """Judge a verified token: the cause for which it is dead, None while it lives."""
        held, sid, epochs = self._held, claims.session, claims.ep
        if claims.kid in held[_KID] or claims.jti in held[_JTI]:
            return Cause.REVOKED
        if sid in held[_FAMILY]:
            return Cause.ENDED
        if (entry := held[_GENERATION].get(sid)) and claims.gen < entry[0]:
            return Cause.ENDED
        if (entry := held[_USER].get(claims.sub)) and epochs.user < entry[0]:
            return Cause.ACCOUNT_CHANGED
        if claims.act and claims.act_ep < self.floor(Kind.USER, claims.act):
            return Cause.ACCOUNT_CHANGED
        if (
            ((entry := held[_DEVICE].get(claims.device)) and epochs.device < entry[0])
            or ((entry := held[_CLIENT].get(claims.client_id)) and epochs.client < entry[0])
            or ((entry := held[_SITE].get("")) and epochs.site < entry[0])
            or ((entry := held[_BEFORE].get("")) and claims.iat < entry[0])
        ):
            return Cause.REVOKED
        return None

    def memory(self) -> int:
        """Return about how many bytes they take."""
        return sum(map(_memory, self._held))

    def __len__(self) -> int:
        return sum(map(len, self._held))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Floors):
            return NotImplemented
        return all(map(_are_equal, self._held, other._held))

    def _raise(self, kind: int, key: str, floor: int, until: float) -> None:
        entries = self._held[kind]
        if isinstance(entries, Table):
            entries.raise_to(key, floor, until)
            return
        held = entries.get(key)
        entries[key] = (max(held[0], floor), max(held[1], until)) if held else (floor, until)
        if len(entries) > FEW:
            self._as_table(kind)

    def _as_table(self, kind: int) -> Table:
        entries = self._held[kind]
        if isinstance(entries, Table):
            return entries
        table = Table()
        for key, (floor, until) in entries.items():
            table.raise_to(key, floor, until)
        self._held[kind] = table
        return table

    def _dropping(self, kind: int, now: float) -> Iterator[None]:
        entries = self._held[kind]
        if isinstance(entries, Table):
            yield from entries.drop_until(now)
            if not entries:
                self._held[kind] = {}
        elif any(until <= now for _, until in entries.values()):
            self._held[kind] = {key: entry for key, entry in entries.items() if entry[1] > now}
        yield


def _end_of_the_first(entries: dict[str, Entry] | Table, wanted: float) -> int:
    """Return the second by which so many have ended."""
    ends = entries.ends() if isinstance(entries, Table) else Counter(whole(e) for _, e in entries.values())
    end = 0
    for end in sorted(ends):
        wanted -= ends[end]
        if wanted <= 0:
            break
    return end


def _memory(entries: dict[str, Entry] | Table) -> int:
    return entries.memory() if isinstance(entries, Table) else len(entries) * _ENTRY


def _are_equal(one: dict[str, Entry] | Table, other: dict[str, Entry] | Table) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one == other
    return _by_hash(one) == _by_hash(other)


def _by_hash(entries: dict[str, Entry] | Table) -> dict[int, tuple[int, int]]:
    found = (
        entries.by_hash()
        if isinstance(entries, Table)
        else ((hash_of(key), entry) for key, entry in entries.items())
    )
    return {hash_: (floor, whole(until)) for hash_, (floor, until) in found}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source said, as of the moment before it was asked."""

    plane_id: UUID
    n: int
    #: Seconds: the longest access lifetime ever in force.
    longest_access: int
    clients_version: int
    keys_version: int
    #: Id of the order that carries the mirror's own number; None when it is gone or there is none.
    own_order: int | None
    numbered: tuple[Order, ...]
    unnumbered: tuple[Order, ...]
    #: Not 0: somebody asks until then to be told what each process applies.
    report_until: int = 0
    #: Number and id of the last numbered order that was read, and the id of the last one without a number:
    #: of a kind that this release does not know, perhaps, and then none of those above.
    read_to: tuple[int, int] | None = None
    waiting_to: int | None = None
    #: Whether a page was full, so that there may be more.
    is_full: bool = False


@dataclass(slots=True)
class Mirror:
    """The floors of one process and where in the numbering they stand."""

    floors: Floors = field(default_factory=Floors)
    number: int = 0
    #: Id of the order that carries `number`; None before the first.
    order_id: int | None = None
    plane_id: UUID | None = None
    #: Ids of the orders that were applied before they had a number, and with it an end.
    waiting: set[int] = field(default_factory=set)
    clients_version: int = -1
    keys_version: int = -1

    def take(self, answer: Answer) -> bool:
        """Apply an answer.

        Returns:
            Whether it continues what is held. False: the database went back; the caller loads anew and
            `adopt`s what it had, which stays in force until it expires.
        """
        if self._went_back(answer):
            return False
        self.floors.apply(answer.unnumbered)
        self.floors.apply(answer.numbered)
        self.waiting.update(order.id for order in answer.unnumbered)
        if self.waiting:  # a cold mirror has a million orders to take in, and none of them waited
            for order in answer.numbered:
                self._settle(order)
        if answer.read_to is not None:
            self.number, self.order_id = answer.read_to
        self.plane_id = answer.plane_id
        self.clients_version, self.keys_version = answer.clients_version, answer.keys_version
        return True

    def continue_with(self, orders: Iterable[Order]) -> tuple[Order, ...] | None:
        """Apply numbered orders that follow on the last one held; those below it are known.

        Returns:
            What was new; None where a number is missing in between: only the database can tell.
        """
        new: list[Order] = []
        for order in orders:
            if order.number is None or order.number > self.number + 1:
                return None
            if order.number == self.number + 1:
                self.floors.apply((order,))
                self._settle(order)
                self.number, self.order_id = order.number, order.id
                new.append(order)
        return tuple(new)

    def _settle(self, order: Order) -> None:
        if order.id in self.waiting:
            self.waiting.discard(order.id)
            self.floors.settle(order)

    def adopt(self, former: Floors) -> None:
        """Keep what an earlier history revoked."""
        self.floors.merge(former)

    def _went_back(self, answer: Answer) -> bool:
        if self.plane_id is None:
            return False
        return (
            answer.plane_id != self.plane_id
            or answer.n < self.number
            or (self.order_id is not None and answer.own_order != self.order_id)
        )
