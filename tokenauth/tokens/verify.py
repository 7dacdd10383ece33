"""Verifying an access token: its header is looked up, never obeyed (PROTOCOL 4, RFC 8725)."""

from collections.abc import Mapping

from tokenauth.errors import Cause, Refused
from tokenauth.tokens import claims
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.encoding import from_base64url
from tokenauth.tokens.keys import VerifyingKey

#: Bytes; our own are below 1,000 with ES256 and a handful of audiences.
LARGEST_TOKEN = 8_192


def access_token(
    token: bytes, *, keys: Mapping[bytes, VerifyingKey], issuer: str, leeway: int, now: float
) -> AccessClaims | Refused:
    """Verify a compact JWS and return what it says.

    Revocation and audience are judged apart, on every request: this result may be remembered.

    Args:
        token: As it stood in the request.
        keys: Verifying keys by the exact first segment of the tokens they sign.
        issuer: The only `iss` that counts.
        leeway: Seconds by which another machine's clock is forgiven.
        now: Unix seconds.
    Returns:
        The claims, or why the token does not count. Nothing is raised, whatever was sent.
    """
    if len(token) > LARGEST_TOKEN:
        return Refused(Cause.MALFORMED)
    signed, _, signature = token.rpartition(b".")
    header, _, payload = signed.partition(b".")
    key = keys.get(header)
    if key is None:
        return Refused(Cause.SIGNATURE)
    try:
        if not key.verifies(from_base64url(signature), signed):
            return Refused(Cause.SIGNATURE)
        verified, not_before = claims.read(from_base64url(payload), kid=key.kid)
    except ValueError:
        return Refused(Cause.MALFORMED)
    if verified.iss != issuer or max(verified.iat, not_before) > now + leeway:
        return Refused(Cause.SIGNATURE)
    if now >= verified.exp + leeway:
        return Refused(Cause.EXPIRED)
    return verified
