"""The public keys as other services fetch them (RFC 7517)."""

from typing import Any

from tokenauth.tokens.keyring import Keys


def public_set(keys: Keys) -> dict[str, Any]:
    """Return the JWK set: every access key that signs, will sign, or signed what still lives."""
    members = [key.jwk() | {"use": "sig", "alg": key.alg, "kid": key.kid} for key in keys.access.values()]
    return {"keys": members}
