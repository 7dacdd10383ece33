"""A process's own copy of the live orders: what a verifier asks instead of the database (PROTOCOL 3).

Pure data: no database, no clock, no thread. `resource` uses it as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final
from uuid import UUID

from tokenauth.errors import Cause
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


@dataclass(frozen=True, slots=True)
class Order:
    """One revocation as a mirror learns it."""

    id: int
    number: int | None
    kind: Kind
    key: str
    floor: int
    #: Unix seconds after which no token that it concerns can be alive; FOREVER until it is numbered.
    until: float


@dataclass(slots=True)
class Floors:
    """The live orders, merged: of two orders about one thing the later floor and the later end count."""

    #: kind -> key -> (floor, until)
    _held: dict[Kind, dict[str, tuple[int, float]]] = field(
        default_factory=lambda: {kind: {} for kind in Kind}
    )

    def apply(self, orders: Iterable[Order]) -> None:
        """Take in orders; in any order and any number of times they give the same."""
        for order in orders:
            held = self._held[order.kind]
            floor, until = held.get(order.key, (order.floor, 0.0))
            held[order.key] = (max(floor, order.floor), max(until, order.until))

    def merge(self, other: "Floors") -> None:
        """Take in all that another mirror's floors hold."""
        for kind, entries in other._held.items():
            held = self._held[kind]
            for key, (floor, until) in entries.items():
                known, known_until = held.get(key, (floor, 0.0))
                held[key] = (max(known, floor), max(known_until, until))

    def settle(self, order: Order) -> None:
        """Give an order that was applied while it had no number its end."""
        floor, until = self._held[order.kind][order.key]
        if until == FOREVER:
            self._held[order.kind][order.key] = (floor, order.until)

    def drop_expired(self, now: float) -> None:
        """Drop what no living token can concern.

        Args:
            now: Unix seconds.
        """
        for kind, entries in self._held.items():
            if any(until <= now for _, until in entries.values()):
                self._held[kind] = {key: entry for key, entry in entries.items() if entry[1] > now}

    def floor(self, kind: Kind, key: str = "") -> int:
        """Return the floor that orders set for a subject: 0 where there is none."""
        entry = self._held[kind].get(key)
        return entry[0] if entry else 0

    def has_ended(self, kind: Kind, key: str) -> bool:
        """Whether an order ended this family, token or key for good."""
        return key in self._held[kind]

    def why_refused(self, claims: AccessClaims) -> Cause | None:
        """Judge a verified token: the cause for which it is dead, None while it lives."""
        held = self._held
        sid = claims.session
        if claims.kid in held[Kind.KID] or claims.jti in held[Kind.JTI]:
            return Cause.REVOKED
        if sid in held[Kind.FAMILY]:
            return Cause.ENDED
        if claims.gen < self.floor(Kind.GENERATION, sid):
            return Cause.ENDED
        if claims.ep.user < self.floor(Kind.USER, claims.sub):
            return Cause.ACCOUNT_CHANGED
        if claims.act and claims.act_ep < self.floor(Kind.USER, claims.act):
            return Cause.ACCOUNT_CHANGED
        if (
            claims.ep.device < self.floor(Kind.DEVICE, claims.device)
            or claims.ep.client < self.floor(Kind.CLIENT, claims.client_id)
            or claims.ep.site < self.floor(Kind.SITE)
            or claims.iat < self.floor(Kind.BEFORE)
        ):
            return Cause.REVOKED
        return None

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._held.values())


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

    def is_complete(self, page: int) -> bool:
        """Whether nothing was left for another page of at most `page` orders."""
        return len(self.numbered) < page and len(self.unnumbered) < page


@dataclass(slots=True)
class Mirror:
    """The floors of one process and where in the numbering they stand."""

    floors: Floors = field(default_factory=Floors)
    number: int = 0
    #: Id of the order that carries `number`; None before the first.
    order_id: int | None = None
    plane_id: UUID | None = None
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
        for order in answer.numbered:
            self.floors.settle(order)
        if answer.numbered:
            self.number, self.order_id = answer.numbered[-1].number or 0, answer.numbered[-1].id
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
                self.floors.settle(order)
                self.number, self.order_id = order.number, order.id
                new.append(order)
        return tuple(new)

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
