"""Refresh tokens: made from key and row, stored nowhere (PROTOCOL 1)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from tokenauth.errors import Cause, Refused
from tokenauth.tokens.encoding import from_base64url, from_json_object, to_base64url, to_json
from tokenauth.tokens.keys import SymmetricKey

PREFIX = "tkr_"
VERSION = 1
#: Bytes; our own are below 500.
LARGEST_TOKEN = 2_048
_LATEST_SECOND = 253_402_300_799


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What of a family its token ids are derived from: none of it ever changes (but the secret, by keep)."""

    id: UUID
    secret: bytes = field(repr=False)
    user_key: str
    client_pk: int
    device_pk: UUID
    audience: str
    jkt: str
    transport: int


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """An authentic refresh token; whether it counts is the row's word. Times in unix seconds."""

    family_id: UUID
    generation: int
    branch: int
    iat: int
    exp: int
    kid: str
    jti: bytes = field(repr=False)

    def is_of(self, identity: Identity, key: SymmetricKey) -> bool:
        """Whether this token was made for this row, as it is today."""
        expected = token_id(identity, key, generation=self.generation, branch=self.branch)
        return hmac.compare_digest(expected, self.jti)


def token_id(identity: Identity, key: SymmetricKey, *, generation: int, branch: int) -> bytes:
    """Return the `jti` of one answer, 32 bytes: forging it needs the key AND the row."""
    facts = to_json(
        {
            "refresh": VERSION,
            "secret": identity.secret.hex(),
            "family": str(identity.id),
            "gen": generation,
            "br": branch,
            "user": identity.user_key,
            "client": identity.client_pk,
            "device": str(identity.device_pk),
            "aud": identity.audience,
            "jkt": identity.jkt,
            "transport": identity.transport,
        }
    )
    return key.mac(facts)


def made(
    identity: Identity, key: SymmetricKey, *, issuer: str, generation: int, branch: int, iat: int, exp: int
) -> str:
    """Return the refresh token of one answer; the same arguments make the same bytes.

    Args:
        iat, exp: Unix seconds.
    """
    payload = to_json(
        {
            "iss": issuer,
            "sid": str(identity.id),
            "gen": generation,
            "br": branch,
            "jti": to_base64url(token_id(identity, key, generation=generation, branch=branch)),
            "iat": iat,
            "exp": exp,
            "v": VERSION,
        }
    )
    signed = key.header + b"." + to_base64url(payload).encode("ascii")
    return f"{PREFIX}{signed.decode('ascii')}.{to_base64url(key.mac(signed))}"


def read(token: str, *, keys: Mapping[bytes, SymmetricKey], issuer: str) -> RefreshClaims | Refused:
    """Return what a refresh token says, once its signature holds. No query.

    Args:
        token: As the client sent it.
        keys: Refresh keys by the exact first segment of the tokens they sign.
        issuer: The only `iss` that counts.
    """
    if not token.startswith(PREFIX) or len(token) > LARGEST_TOKEN or not token.isascii():
        return Refused(Cause.SIGNATURE)
    signed, _, signature = token.removeprefix(PREFIX).encode("ascii").rpartition(b".")
    header, _, payload = signed.partition(b".")
    key = keys.get(header)
    if key is None:
        return Refused(Cause.SIGNATURE)
    try:
        if not key.verifies(from_base64url(signature), signed):
            return Refused(Cause.SIGNATURE)
        members = from_json_object(from_base64url(payload))
        if members["iss"] != issuer or members["v"] != VERSION:
            return Refused(Cause.SIGNATURE)
        return RefreshClaims(
            family_id=UUID(members["sid"]),
            generation=_whole(members["gen"]),
            branch=_whole(members["br"]),
            iat=_whole(members["iat"]),
            exp=_whole(members["exp"]),
            kid=key.kid,
            jti=from_base64url(members["jti"].encode("ascii")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(Cause.SIGNATURE)


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LATEST_SECOND:
        raise ValueError("not a count")
    return value
