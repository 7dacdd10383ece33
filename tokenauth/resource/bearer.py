"""Bearer tokens in HTTP (RFC 6750), whatever the framework: what came, and how a refusal looks."""

import re
from dataclasses import dataclass

from tokenauth.errors import Cause, Refused
from tokenauth.tokens.encoding import to_json

REALM = "api"
#: Of every answer that depends on a token.
UNCACHEABLE = (("Cache-Control", "private, no-store"), ("Vary", "Authorization"))

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")
_ANOTHER = re.compile(r",\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+ +[^\s,=]")
_BEARER = re.compile(r"(?:^|,)\s*bearer(?:\s|\Z)", re.IGNORECASE)
_SAFE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*\Z")
_TOO_LATE = "Try again later."


class TwoCredentials(Exception):
    """More than one came: RFC 6750 3.1 has that answered 400."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to a request that does not get through."""

    status: int
    error: str
    description: str
    headers: tuple[tuple[str, str], ...]

    @property
    def body(self) -> bytes:
        """The flat error object of RFC 6749 5.2."""
        return to_json({"error": self.error, "error_description": self.description})


def presented(header: str) -> str | None:
    """Return the bearer token of an Authorization header; None where there is none.

    A token with characters that none has comes back as an empty one, which is never valid.

    Args:
        header: All that came under that name, joined by commas.
    Raises:
        TwoCredentials: More than one credential.
    """
    scheme, _, token = header.partition(" ")
    has_two = _ANOTHER.search(header) is not None and _BEARER.search(header) is not None
    if has_two:
        raise TwoCredentials
    if scheme.lower() != "bearer":
        return None
    token = token.strip(" ")
    return token if _TOKEN.match(token) else ""


def without_token() -> Refusal:
    """Return 401 without an `error` in the challenge: nothing was shown (RFC 6750 3.1)."""
    return _refusal(401, "invalid_request", "An access token is needed.", challenge="")


def two_credentials() -> Refusal:
    return _refusal(400, "invalid_request", "The request carries more than one credential.")


def refusal(refused: Refused, *, scopes: tuple[str, ...] = (), acr: tuple[str, ...] = ()) -> Refusal:
    """Return how a refused token is answered: one answer for every reason that a stranger may not know.

    Args:
        scopes: That are needed, where the scope is what is missing.
        acr: Classes of login that are needed, where that is (RFC 9470).
    """
    match refused.cause:
        case Cause.STALE_MIRROR:
            answer = _refusal(503, "temporarily_unavailable", _TOO_LATE, challenge=None)
            wait = ("Retry-After", str(refused.retry_after or 1))
            return Refusal(answer.status, answer.error, answer.description, (*answer.headers, wait))
        case Cause.SCOPE:
            description = "The access token does not carry the scope that is needed."
            return _refusal(403, "insufficient_scope", description, scope=" ".join(scopes))
        case Cause.OLD_LOGIN:
            description = "Another kind of login is needed."
            return _refusal(401, "insufficient_user_authentication", description, acr_values=" ".join(acr))
    return _refusal(401, "invalid_token", "The access token is not valid.")


def _refusal(
    status: int, error: str, description: str, *, challenge: str | None = None, **attributes: str
) -> Refusal:
    pairs = "".join(
        f', {name}="{value}"' for name, value in attributes.items() if value and _SAFE.match(value)
    )
    headers: tuple[tuple[str, str], ...] = UNCACHEABLE
    if status != 503:
        told = "" if challenge == "" else f', error="{error}"'
        headers = (*headers, ("WWW-Authenticate", f'Bearer realm="{REALM}"{told}{pairs}'))
    return Refusal(status, error, description, (*headers, ("Content-Type", "application/json")))
