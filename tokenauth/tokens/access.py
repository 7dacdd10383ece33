"""Making access tokens (RFC 9068)."""

import hmac

from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.encoding import to_base64url, to_json
from tokenauth.tokens.keys import AccessKey


def signed(claims: AccessClaims, key: AccessKey) -> str:
    """Return the compact JWS of these claims."""
    unsigned = key.header + b"." + to_base64url(to_json(claims.members())).encode("ascii")
    return f"{unsigned.decode('ascii')}.{to_base64url(key.sign(unsigned))}"


def token_id(secret: bytes, *, generation: int, branch: int, scope: str, audience: str, jkt: str) -> str:
    """Return the `jti`: the same for the same answer, unguessable without the family's secret.

    Args:
        secret: The family's.
        scope, audience: Of this token, in stored form.
        jkt: Thumbprint of the proof key, empty without one.
    Returns:
        16 bytes as base64url (PROTOCOL 1).
    """
    facts = to_json(
        {"access": 1, "gen": generation, "br": branch, "scope": scope, "aud": audience, "jkt": jkt}
    )
    return to_base64url(hmac.digest(secret, facts, "sha256")[:16])
