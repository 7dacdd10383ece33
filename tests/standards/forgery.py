"""Tokens that the site's own key signs and that it would never write itself."""

from typing import Any

from tests.http import Http
from tests.tokens import world
from tokenauth.tokens.encoding import from_base64url, from_json_object
from tokenauth.tokens.keyring import KEYRING

ME = "/api/me/"
INVALID_TOKEN = 'Bearer realm="api", error="invalid_token"'


def header_of(token: str) -> dict[str, Any]:
    return _segment(token, 0)


def payload_of(token: str) -> dict[str, Any]:
    return _segment(token, 1)


def forged(token: str, *, header: Any = ..., **changes: Any) -> str:
    """A good token with claims changed, or by `...` taken out, under a signature that holds."""
    members = {name: value for name, value in {**payload_of(token), **changes}.items() if value is not ...}
    return signed(members, header=header)


def signed(payload: bytes | dict[str, Any], *, header: Any = ...) -> str:
    """Any payload and header under the site's own signature."""
    return world.signed(payload, KEYRING.signing(), header=header).decode()


def is_accepted(http: Http, token: str) -> bool:
    """Whether a protected view opens. A refusal is 401 `invalid_token`, whatever is wrong (RFC 9068 4)."""
    answer = http.get(ME, bearer=token)
    if answer.status_code == 200:
        return True
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, INVALID_TOKEN)
    return False


def _segment(token: str, place: int) -> dict[str, Any]:
    return from_json_object(from_base64url(token.split(".")[place].encode()))
