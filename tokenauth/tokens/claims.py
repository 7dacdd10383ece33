"""What an access token says (REFERENCE T4), and what must hold of it whoever verifies."""

import re
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

#: Version of the `ep` claim: [1, site, client, device, user].
EPOCHS_VERSION = 1
#: The last second of the year 9999, which every clock and database can say.
LATEST_SECOND = 253_402_300_799
#: What a generation's column holds.
LARGEST_COUNT = 2**31 - 1
_LARGEST_EPOCH = 2**63 - 1


class Epochs(NamedTuple):
    """What a family or token was stamped with: dead once a floor has passed one of them."""

    site: int
    client: int
    device: int
    user: int

    def as_claim(self) -> list[int]:
        return [EPOCHS_VERSION, *self]


class AccessClaims(NamedTuple):
    """A verified access token. Times in unix seconds.

    A tuple, since one is made for each token first seen and thousands are remembered.
    """

    iss: str
    sub: str
    aud: tuple[str, ...]
    client_id: str
    iat: int
    exp: int
    jti: str
    #: `sid` and `did` as they stand in the token: what orders are looked up by.
    session: str
    device: str
    gen: int
    br: int
    ep: Epochs
    scope: str
    auth_time: int
    kid: str = ""
    acr: str = ""
    amr: tuple[str, ...] = ()
    act: str = ""
    cnf_jkt: str = ""

    @property
    def sid(self) -> UUID:
        return UUID(self.session)

    @property
    def did(self) -> UUID:
        return UUID(self.device)

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.scope.split())

    def payload(self) -> dict[str, Any]:
        """Return the members in the order they are signed; empty ones are left out."""
        members: dict[str, Any] = {
            "iss": self.iss,
            "sub": self.sub,
            "aud": self.aud[0] if len(self.aud) == 1 else list(self.aud),
            "client_id": self.client_id,
            "iat": self.iat,
            "exp": self.exp,
            "jti": self.jti,
            "sid": self.session,
            "did": self.device,
            "gen": self.gen,
            "br": self.br,
            "ep": self.ep.as_claim(),
            "scope": self.scope,
            "auth_time": self.auth_time,
        }
        if self.acr:
            members["acr"] = self.acr
        if self.amr:
            members["amr"] = list(self.amr)
        if self.act:
            members["act"] = {"sub": self.act}
        if self.cnf_jkt:
            members["cnf"] = {"jkt": self.cnf_jkt}
        return members


_NAMES = ("iss", "sub", "client_id", "jti", "sid", "did", "scope", "iat", "exp", "auth_time", "gen", "br")
# by type and not by isinstance, since True is an int to Python and never to us
_TYPES = (str,) * 7 + (int,) * 5
_required = itemgetter(*_NAMES)
is_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def parsed(members: Mapping[str, Any], *, kid: str) -> AccessClaims:
    """Return the claims of a signed payload, every type and range checked.

    Raises:
        ValueError: A claim is missing or not what REFERENCE T4 says.
    """
    try:
        required = _required(members)
        audience, epochs = members["aud"], members["ep"]
    except KeyError:
        raise ValueError("a claim is missing") from None
    if (*map(type, required),) != _TYPES:
        raise ValueError("a claim of another type")
    iss, sub, client_id, jti, session, device, scope, iat, exp, auth_time, gen, br = required
    if not (iss and sub and client_id and jti and is_uuid(session) and is_uuid(device)):
        raise ValueError("an empty claim, or sid or did is no UUID")
    if min(iat, exp, auth_time, gen, br) < 0 or max(iat, exp, auth_time) > LATEST_SECOND:
        raise ValueError("a number out of range")
    if max(gen, br) > LARGEST_COUNT:
        raise ValueError("a position out of range")
    aud, ep, optional = _audience(audience), _epochs(epochs), _optional(members)
    return AccessClaims(
        *(_shared(iss), sub, aud, _shared(client_id), iat, exp, jti, session, device, gen, br, ep),
        *(_shared(scope), auth_time, kid, *optional),
    )


def not_before(members: Mapping[str, Any]) -> int:
    """Return the second before which a payload does not count: 0 where it names none.

    Raises:
        ValueError: `nbf` is no second.
    """
    second = members.get("nbf", 0)
    if type(second) is not int or not 0 <= second <= LATEST_SECOND:
        raise ValueError("nbf")
    return second


def _optional(members: Mapping[str, Any]) -> tuple[str, tuple[str, ...], str, str]:
    """The claims that most tokens do not have: acr, amr, act, cnf."""
    acr = _text(members["acr"]) if "acr" in members else ""
    amr = _texts(members["amr"]) if "amr" in members else ()
    act = _member_of(members["act"], "sub") if "act" in members else ""
    cnf_jkt = _member_of(members["cnf"], "jkt") if "cnf" in members else ""
    return acr, amr, act, cnf_jkt


def _text(value: object) -> str:
    if type(value) is not str or not value:
        raise ValueError("not a text, or an empty one")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if type(value) is not list or not value:
        raise ValueError("not a list, or an empty one")
    return tuple(map(_text, value))


def _member_of(value: object, name: str) -> str:
    if type(value) is not dict:
        raise ValueError("not an object")
    return _text(value.get(name))


def _audience(value: object) -> tuple[str, ...]:
    return _alone(_text(value)) if type(value) is str else _together(_texts(value))


def _epochs(value: object) -> Epochs:
    if type(value) is not list or (*map(type, value),) != (int,) * 5:
        raise ValueError("ep")
    version, *epochs = value
    if version != EPOCHS_VERSION or min(epochs) < 0 or max(epochs) > _LARGEST_EPOCH:
        raise ValueError("ep of another version, or out of range")
    return _stamp(*epochs)


# what thousands of remembered tokens have in common is kept once
@lru_cache(maxsize=1024)
def _shared(text: str) -> str:
    return text


@lru_cache(maxsize=1024)
def _alone(audience: str) -> tuple[str, ...]:
    return (audience,)


@lru_cache(maxsize=1024)
def _together(audience: tuple[str, ...]) -> tuple[str, ...]:
    return audience


_stamp = lru_cache(maxsize=1024)(Epochs)
