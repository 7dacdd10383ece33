"""The one place that knows how a refusal looks in HTTP."""

import math
from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.response import Response

from tokenauth import conf
from tokenauth.errors import PublicError, Refused

REALM = "api"

_DESCRIPTIONS: dict[PublicError, str] = {
    PublicError.INVALID_REQUEST: "The request is malformed.",
    PublicError.INVALID_CLIENT: "Client authentication failed.",
    PublicError.UNAUTHORIZED_CLIENT: "The client may not use this endpoint.",
    PublicError.UNSUPPORTED_GRANT_TYPE: "The grant type is not supported.",
    PublicError.INVALID_GRANT: "The credentials or the token are not valid.",
    PublicError.INVALID_SCOPE: "The scope exceeds what was granted.",
    PublicError.INVALID_TARGET: "The resource is not one that was granted.",
    PublicError.INTERACTION_REQUIRED: "Another step is needed.",
    PublicError.INSUFFICIENT_USER_AUTHENTICATION: "A more recent login is needed.",
    PublicError.NOT_FOUND: "There is no such resource.",
    PublicError.TEMPORARILY_UNAVAILABLE: "Try again later.",
}

_STATUS: dict[PublicError, int] = {
    PublicError.INVALID_CLIENT: status.HTTP_401_UNAUTHORIZED,
    PublicError.INTERACTION_REQUIRED: status.HTTP_401_UNAUTHORIZED,
    PublicError.INSUFFICIENT_USER_AUTHENTICATION: status.HTTP_401_UNAUTHORIZED,
    PublicError.NOT_FOUND: status.HTTP_404_NOT_FOUND,
    PublicError.TEMPORARILY_UNAVAILABLE: status.HTTP_503_SERVICE_UNAVAILABLE,
}


def response(refused: Refused, *, reauthenticate: bool = False) -> Response:
    """Return the flat error object of a refusal (RFC 6749 5.2).

    Args:
        reauthenticate: Whether this endpoint tells a client with `invalid_grant` to log in again.
    """
    code = _STATUS.get(refused.error, status.HTTP_400_BAD_REQUEST)
    if refused.error is PublicError.TEMPORARILY_UNAVAILABLE and refused.is_throttled:
        code = status.HTTP_429_TOO_MANY_REQUESTS
    answer = Response(body(refused.error), status=code)
    if reauthenticate and refused.error is PublicError.INVALID_GRANT:
        answer.data["reauthenticate"] = True
    if refused.retry_after is not None:
        answer["Retry-After"] = str(refused.retry_after)
    return answer


def body(error: PublicError | str, description: str | None = None) -> dict[str, Any]:
    """Return the members of an error object: ASCII English whatever the site's language."""
    members: dict[str, Any] = {"error": str(error)}
    members["error_description"] = description or _DESCRIPTIONS[PublicError(error)]
    base = conf.current().ERROR_URI
    if base is not None:
        members["error_uri"] = f"{base}#{error}"
    return members


def bearer_challenge(**attributes: str) -> str:
    """Return a WWW-Authenticate value (RFC 6750 3); attributes are ours, never a client's."""
    pairs = "".join(f', {name}="{value}"' for name, value in attributes.items())
    return f'Bearer realm="{REALM}"{pairs}'


class InvalidToken(AuthenticationFailed):
    """401: expired, revoked, malformed and unknown tokens are one answer."""

    default_detail = "The access token is not valid."
    default_code = "invalid_token"


class TwoCredentials(APIException):
    """400: more than one Authorization header (RFC 6750 3.1)."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "The request carries more than one credential."
    default_code = "invalid_request"

    def __init__(self) -> None:
        super().__init__()
        self.auth_header = bearer_challenge(error="invalid_request")


class NeedsToken(APIException):
    """401: whoever is logged in otherwise has to come with one of our tokens."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "An access token is needed."
    default_code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__()
        self.auth_header = bearer_challenge()


class WrongAudience(APIException):
    """401: the token is valid elsewhere (RFC 9068 4)."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = InvalidToken.default_detail
    default_code = InvalidToken.default_code

    def __init__(self) -> None:
        super().__init__()
        self.auth_header = bearer_challenge(error="invalid_token")


class InsufficientScope(PermissionDenied):
    """403: the token is valid and does not say enough."""

    default_detail = "The access token does not carry the scope that is needed."
    default_code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.auth_header = bearer_challenge(error="insufficient_scope", scope=scope)


class StaleMirror(APIException):
    """503: this process cannot tell whether the token was revoked (PROTOCOL 3, `strict`)."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Try again later."
    default_code = "temporarily_unavailable"
    wait = 1


def of_exception(exc: APIException) -> Response:
    """Return our flat answer to what DRF raises: no site's exception handler or language changes it."""
    match exc:
        case InvalidToken():
            answer = Response(body(exc.default_code, exc.default_detail), status=exc.status_code)
            answer["WWW-Authenticate"] = bearer_challenge(error="invalid_token")
        case NotAuthenticated() | AuthenticationFailed():
            # RFC 6750 3.1: without a token neither challenge nor body speaks of one that is invalid
            answer = Response(
                body(PublicError.INVALID_REQUEST, NeedsToken.default_detail),
                status=status.HTTP_401_UNAUTHORIZED,
            )
            answer["WWW-Authenticate"] = bearer_challenge()
        case _:
            answer = Response(body(_word_for(exc)), status=exc.status_code)
            if (challenge := getattr(exc, "auth_header", None)) is not None:
                answer["WWW-Authenticate"] = challenge
    if (wait := getattr(exc, "wait", None)) is not None:
        answer["Retry-After"] = str(math.ceil(wait))
    return answer


def _word_for(exc: APIException) -> PublicError:
    match exc.status_code:
        case status.HTTP_404_NOT_FOUND:
            return PublicError.NOT_FOUND
        case status.HTTP_429_TOO_MANY_REQUESTS | status.HTTP_503_SERVICE_UNAVAILABLE:
            return PublicError.TEMPORARILY_UNAVAILABLE
    return PublicError.INVALID_REQUEST
