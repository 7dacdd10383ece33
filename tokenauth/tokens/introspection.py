"""The answer of an introspection as a signed token (RFC 9701): for who keeps it as evidence."""

from typing import Any

from tokenauth.tokens.encoding import to_base64url, to_json
from tokenauth.tokens.keys import AccessKey, header_segment

#: `typ` of its header, and with `application/` before it its media type.
TYP = "token-introspection+jwt"
MEDIA_TYPE = f"application/{TYP}"


def signed(answer: dict[str, Any], *, issuer: str, caller: str, at: int, key: AccessKey) -> str:
    """Return the compact JWS of an answer. It has neither subject nor expiry: it is no access token.

    Args:
        answer: The members that would be answered as JSON.
        issuer: `iss`.
        caller: Client id of the resource server that asked, the only one it is for.
        at: Unix seconds.
        key: That signs access tokens; another `typ` makes it worthless as one.
    """
    members = {"iss": issuer, "aud": caller, "iat": at, "token_introspection": answer}
    header = header_segment(alg=key.alg, kid=key.kid, typ=TYP)
    unsigned = header + b"." + to_base64url(to_json(members)).encode("ascii")
    return f"{unsigned.decode('ascii')}.{to_base64url(key.sign(unsigned))}"
