"""The live orders as a feed tells them: by digest, judged by the same rules as the site's own mirror."""

from collections.abc import Iterable, Mapping
from typing import Any

from tokenauth.errors import Cause
from tokenauth.revocation.digests import OF_THE_SITE, digest
from tokenauth.revocation.mirror import FOREVER, KINDS, Floors, Kind, Order
from tokenauth.tokens.claims import LATEST_SECOND, AccessClaims

_LARGEST_FLOOR = 2**63 - 1
_DIGEST_LENGTH = 22


class Held:
    """Orders under each digest key that they came with: what an older key told stays until it expires."""

    def __init__(self) -> None:
        #: The newest first.
        self._tables: tuple[tuple[bytes, Floors], ...] = ()
        #: Of the digests that come now.
        self.key = b""

    def start(self, key: bytes) -> None:
        """Take in a history from its beginning, under this key. What is held stays in force meanwhile."""
        self._tables = ((key, Floors()), *self._tables)
        self.key = key

    def take(self, orders: Iterable[Order]) -> None:
        """Take in orders; in any order and any number of times they give the same."""
        floors = self._tables[0][1]
        for order in orders:
            floors.apply((order,))
            if order.until != FOREVER:
                floors.settle(order)

    def became_whole(self) -> None:
        """Say that all of the history is here: what an earlier one told stays, unless this is a new era."""
        (key, floors), *former = self._tables
        kept = []
        for their_key, held in former:
            theirs = held.left_by(floors)
            if their_key == key:
                floors.merge(theirs)
            elif len(theirs):
                kept.append((their_key, theirs))
        self._tables = ((key, floors), *kept)

    def why_refused(self, claims: AccessClaims, shadow: "Shadow") -> Cause | None:
        """Judge a verified token: the cause for which it is dead, None while it lives."""
        for key, floors in self._tables:
            known = shadow.claims if key == shadow.key else shadow_of(claims, key).claims
            if (cause := floors.why_refused(known)) is not None:
                return cause
        return None

    def drop_expired(self, now: float) -> None:
        """Drop what no living token can concern.

        Args:
            now: Unix seconds.
        """
        for _, floors in self._tables:
            floors.drop_expired(now)
        newest, *former = self._tables
        self._tables = (newest, *(each for each in former if len(each[1])))

    def __len__(self) -> int:
        return sum(len(floors) for _, floors in self._tables)


class Shadow:
    """A token's claims with digests in the place of what orders name; made once for each token."""

    __slots__ = ("claims", "key")

    def __init__(self, claims: AccessClaims, key: bytes) -> None:
        self.claims, self.key = claims, key


def shadow_of(claims: AccessClaims, key: bytes) -> Shadow:
    """Return the shadow that a token throws under a digest key."""
    return Shadow(
        claims._replace(
            sub=digest(key, Kind.USER, claims.sub),
            client_id=digest(key, Kind.CLIENT, claims.client_id),
            session=digest(key, Kind.FAMILY, claims.session),
            device=digest(key, Kind.DEVICE, claims.device),
            jti=digest(key, Kind.JTI, claims.jti),
            kid=digest(key, Kind.KID, claims.kid),
            act=digest(key, Kind.USER, claims.act) if claims.act else "",
        ),
        key,
    )


def order_of(members: Mapping[str, Any]) -> Order | None:
    """Return the order that one item of the feed tells; None for a kind of a newer release.

    Raises:
        ValueError: It is not of the form that PROTOCOL gives it.
    """
    kind, key, floor, until = (members.get(name) for name in ("kind", "digest", "floor", "until"))
    if type(kind) is not int or type(key) is not str or len(key) != _DIGEST_LENGTH:
        raise ValueError("neither kind nor digest")
    if type(floor) is not int or not 0 <= floor <= _LARGEST_FLOOR:
        raise ValueError("not a floor")
    if until is not None and (type(until) is not int or not 0 <= until <= LATEST_SECOND):
        raise ValueError("not an end")
    if kind not in KINDS:
        return None
    subject = "" if kind in OF_THE_SITE else key
    return Order(0, None, Kind(kind), subject, floor, FOREVER if until is None else float(until))
