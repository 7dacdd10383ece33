"""A token world without a database: keys, claims and the verifier that a test speaks to."""

import base64
import json
from functools import cache
from typing import Any

from tokenauth.errors import Refused
from tokenauth.tokens import access, verify
from tokenauth.tokens.claims import AccessClaims, Epochs
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keys import AccessAlg, AccessKey, access_key, new_access_secret

ISSUER = "https://issuer.test"
NOW = 1_800_000_000
ALGS: tuple[AccessAlg, ...] = ("ES256", "EdDSA", "RS256")
SESSION = "019a3f2e-7b6a-7c3d-9e4f-0123456789ab"
DEVICE = "019a3f2e-7b6a-7c3d-9e4f-ba9876543210"


@cache
def key(alg: AccessAlg = "ES256", name: str = "own") -> AccessKey:
    """A key of that algorithm and name, made once in a run: RSA takes its time."""
    return access_key(new_access_secret(alg))


def claims(**changes: Any) -> AccessClaims:
    plain = AccessClaims(
        iss=ISSUER,
        sub="42",
        aud=(ISSUER,),
        client_id="web",
        iat=NOW,
        exp=NOW + 300,
        jti="cjrNyDVFGUdjD6bLF3y1aQ",
        session=SESSION,
        device=DEVICE,
        gen=3,
        br=0,
        ep=Epochs(0, 1, 2, 3),
        scope="orders:read orders:write",
        auth_time=NOW - 60,
    )
    return plain._replace(**changes)


def members(**changes: Any) -> dict[str, Any]:
    """The payload of a good token; a change to `...` takes the member out."""
    changed = {**claims().members(), **changes}
    return {name: value for name, value in changed.items() if value is not ...}


def token(signer: AccessKey | None = None, **changes: Any) -> bytes:
    """A token that we issue."""
    return access.signed(claims(**changes), signer or key()).encode()


def signed(payload: bytes | dict[str, Any], signer: AccessKey | None = None, *, header: Any = ...) -> bytes:
    """A token with any payload and header under a signature that holds."""
    signer = signer or key()
    first = signer.header if header is ... else header if isinstance(header, bytes) else segment(header)
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return resigned(first + b"." + to_base64url(body).encode(), signer)


def resigned(unsigned: bytes, signer: AccessKey | None = None) -> bytes:
    """These segments, whatever they are, and the key's signature over them."""
    return unsigned + b"." + to_base64url((signer or key()).sign(unsigned)).encode()


def segment(members: Any) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=")


def judged(token: bytes, *keys: AccessKey, now: float = NOW, leeway: int = 10) -> AccessClaims | Refused:
    """What the verifier says of a token."""
    held = {each.header: each for each in keys or (key(),)}
    return verify.access_token(token, keys=held, issuer=ISSUER, leeway=leeway, now=now)


def accepted(token: bytes, *keys: AccessKey, **when: Any) -> bool:
    return isinstance(judged(token, *keys, **when), AccessClaims)
