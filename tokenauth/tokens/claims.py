"""What an access token says (REFERENCE T4), and what must hold of it whoever verifies."""

import re
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from tokenauth.tokens.encoding import from_json_object

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
    #: User key of who acts in the user's name (RFC 8693 4.1), and the epoch of that account.
    act: str = ""
    cnf_jkt: str = ""
    act_ep: int = 0

    @property
    def sid(self) -> UUID:
        return UUID(self.session)

    @property
    def did(self) -> UUID:
        return UUID(self.device)

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.scope.split())

    def slim(self) -> "AccessClaims":
        """Return the same claims, sharing with other tokens what thousands of them have in common."""
        return self._replace(
            iss=_shared(self.iss),
            aud=_shared_audience(self.aud),
            client_id=_shared(self.client_id),
            ep=_shared_epochs(*self.ep),
            scope=_shared(self.scope),
        )

    def members(self) -> dict[str, Any]:
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
            members["act"] = {"sub": self.act, "ep": self.act_ep} if self.act_ep else {"sub": self.act}
        if self.cnf_jkt:
            members["cnf"] = {"jkt": self.cnf_jkt}
        return members

    # What code reads that was written for simplejwt's tokens: `request.auth["scope"]` and the like.

    @property
    def payload(self) -> dict[str, Any]:
        return self.members()

    def get(self, claim: str, default: Any = None) -> Any:
        return self.members().get(claim, default)

    def __getitem__(self, claim: Any) -> Any:
        return self.members()[claim] if isinstance(claim, str) else tuple.__getitem__(self, claim)

    def __contains__(self, claim: object) -> bool:
        return claim in self.members()


def read(payload: bytes, *, kid: str) -> tuple[AccessClaims, int]:
    """Return the claims of a signed payload, and the second before which they do not count.

    Raises:
        ValueError: No JSON object, or a claim is missing or not what REFERENCE T4 says.
    """
    plain = _is_plain(payload.decode("utf-8"))
    if plain is not None:
        return _of_plain(plain, kid), 0
    members = from_json_object(payload)
    return parsed(members, kid=kid), _second(members.get("nbf", 0))


# Nearly every token is a plain one of our own, byte for byte as `AccessClaims.members` is written: one
# match reads it in a third of the time. Anything else goes the general way, and the tests hold both ways
# to the same answers. The numbers are shorter than what the general way allows at most.
_TEXT = '"([ !#-\\[\\]-~]+)"'
_ANY_TEXT = '"([ !#-\\[\\]-~]*)"'
_SECOND = "(0|[1-9][0-9]{0,10})"
_COUNT = "(0|[1-9][0-9]{0,8})"
_EPOCH = "(?:0|[1-9][0-9]{0,17})"
_UUID = '"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"'
_is_plain = re.compile(
    rf'\{{"iss":{_TEXT},"sub":{_TEXT},"aud":{_TEXT},"client_id":{_TEXT},"iat":{_SECOND},"exp":{_SECOND},'
    rf'"jti":{_TEXT},"sid":{_UUID},"did":{_UUID},"gen":{_COUNT},"br":{_COUNT},'
    rf'"ep":\[{EPOCHS_VERSION},({_EPOCH},{_EPOCH},{_EPOCH},{_EPOCH})\],'
    rf'"scope":{_ANY_TEXT},"auth_time":{_SECOND}(?:,"amr":\[{_TEXT}\])?\}}'
).fullmatch


def _of_plain(match: re.Match[str], kid: str) -> AccessClaims:
    iss, sub, aud, client_id, iat, exp, jti, session, device, gen, br, ep, scope, auth_time, amr = (
        match.groups()
    )
    return AccessClaims(
        iss,
        sub,
        (aud,),
        client_id,
        int(iat),
        int(exp),
        jti,
        session,
        device,
        int(gen),
        int(br),
        _epochs_of_plain(ep),
        scope,
        int(auth_time),
        kid,
        "",
        () if amr is None else _shared_amr(amr),
    )


@lru_cache(maxsize=1024)
def _shared_amr(method: str) -> tuple[str, ...]:
    return (method,)


@lru_cache(maxsize=1024)
def _epochs_of_plain(text: str) -> Epochs:
    return Epochs(*map(int, text.split(",")))


def parsed(members: Mapping[str, Any], *, kid: str) -> AccessClaims:
    """Return what the members of a payload claim, every type and range checked.

    Raises:
        ValueError: A claim is missing or not what REFERENCE T4 says.
    """
    try:
        iss, sub, aud, client_id, iat, exp, jti, session, device, gen, br, ep, scope, auth_time = _required(
            members
        )
    except KeyError:
        raise ValueError("a claim is missing") from None
    return AccessClaims(
        iss=_text(iss),
        sub=_text(sub),
        aud=(_text(aud),) if type(aud) is str else _texts(aud),
        client_id=_text(client_id),
        iat=_second(iat),
        exp=_second(exp),
        jti=_text(jti),
        session=_uuid(session),
        device=_uuid(device),
        gen=_whole(gen, at_most=LARGEST_COUNT),
        br=_whole(br, at_most=LARGEST_COUNT),
        ep=_epochs(ep),
        scope=scope if scope == "" else _text(scope),
        auth_time=_second(auth_time),
        kid=kid,
        acr=_text(members["acr"]) if "acr" in members else "",
        amr=_texts(members["amr"]) if "amr" in members else (),
        act=_member_of(members["act"], "sub") if "act" in members else "",
        cnf_jkt=_member_of(members["cnf"], "jkt") if "cnf" in members else "",
        act_ep=_whole(members["act"].get("ep", 0), at_most=_LARGEST_EPOCH) if "act" in members else 0,
    )


_required = itemgetter(
    *("iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid", "did"),
    *("gen", "br", "ep", "scope", "auth_time"),
)
is_uuid = re.compile(_UUID.strip('"')).fullmatch


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


def _uuid(value: object) -> str:
    text = _text(value)
    if not is_uuid(text):
        raise ValueError("not a UUID, or in another spelling")
    return text


def _whole(value: object, *, at_most: int) -> int:
    # by type, since True is an int to Python and never to us
    if type(value) is not int or not 0 <= value <= at_most:
        raise ValueError("not a whole number, or out of range")
    return value


def _second(value: object) -> int:
    return _whole(value, at_most=LATEST_SECOND)


def _epochs(value: object) -> Epochs:
    if type(value) is not list or len(value) != 5:
        raise ValueError("not epochs")
    version, site, client, device, user = (_whole(each, at_most=_LARGEST_EPOCH) for each in value)
    if version != EPOCHS_VERSION:
        raise ValueError("epochs of another version")
    return Epochs(site, client, device, user)


@lru_cache(maxsize=1024)
def _shared(text: str) -> str:
    return text


@lru_cache(maxsize=1024)
def _shared_audience(audience: tuple[str, ...]) -> tuple[str, ...]:
    return audience


_shared_epochs = lru_cache(maxsize=1024)(Epochs)
