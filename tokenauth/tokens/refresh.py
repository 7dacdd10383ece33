"""Refresh tokens: made from key and row, stored nowhere (PROTOCOL 1)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tokenauth.errors import Cause, Refused
from tokenauth.tokens.claims import LARGEST_COUNT, LATEST_SECOND, is_uuid
from tokenauth.tokens.encoding import from_base64url, from_json_object, to_base64url, to_json
from tokenauth.tokens.keys import SymmetricKey

PREFIX = "tkr_"
VERSION = 1
#: Bytes; our own are below 500.
LARGEST_TOKEN = 2_048
_ID_SIZE = 32
_LARGEST_BRANCH = 255
_NUMBERS = ("v", "gen", "br", "iat", "exp")
_TEXTS = ("iss", "sid", "jti")


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
        return _parsed(from_json_object(from_base64url(payload)), kid=key.kid, issuer=issuer)
    except ValueError:
        return Refused(Cause.SIGNATURE)


def _parsed(members: dict[str, Any], *, kid: str, issuer: str) -> RefreshClaims:
    numbers: list[Any] = [*map(members.get, _NUMBERS)]
    texts: list[Any] = [*map(members.get, _TEXTS)]
    # by type, since True and 1.0 equal 1
    if {*map(type, numbers)} != {int} or {*map(type, texts)} != {str}:
        raise ValueError("a claim is missing or of another type")
    (version, generation, branch, iat, exp), (iss, sid, jti) = numbers, texts
    if iss != issuer or version != VERSION or not is_uuid(sid):
        raise ValueError("another issuer or version, or sid is no UUID")
    if (
        min(numbers) < 0
        or generation > LARGEST_COUNT
        or branch > _LARGEST_BRANCH
        or max(iat, exp) > LATEST_SECOND
    ):
        raise ValueError("a number out of range")
    token_id = from_base64url(jti.encode())
    if len(token_id) != _ID_SIZE:
        raise ValueError("jti is no id of ours")
    return RefreshClaims(UUID(sid), generation, branch, iat, exp, kid, token_id)
