"""The refusals of the contract, each with the body that the endpoints send."""

from collections.abc import Sequence
from typing import Any

from django.utils.functional import SimpleLazyObject
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from tokenauth.api import errors
from tokenauth.api.errors import InvalidToken, NeedsToken
from tokenauth.api.openapi.bodies import AuthError, LoginRefusal
from tokenauth.errors import PublicError

#: When an error is answered, where one word has one reason at every endpoint.
_WHEN = {
    PublicError.INVALID_REQUEST: "Unreadable, or a parameter is missing, repeated or of another type.",
    PublicError.INVALID_CLIENT: "The client is unknown, disabled or did not authenticate.",
    PublicError.UNAUTHORIZED_CLIENT: "Only first-party clients log users in.",
    PublicError.UNSUPPORTED_GRANT_TYPE: "There is one grant: refresh_token.",
    PublicError.INVALID_SCOPE: "More scope than may be granted, or was.",
    PublicError.INVALID_TARGET: "An audience that may not be granted, or was not.",
    PublicError.NOT_FOUND: "It does not exist, or is another user's.",
    PublicError.TEMPORARILY_UNAVAILABLE: "After `Retry-After` the same request may be sent again.",
    PublicError.INSUFFICIENT_USER_AUTHENTICATION: "Older than `max_age` in the challenge: send the "
    "password along, or log in anew (RFC 9470).",
}
_ANY_ID = "XJ3vZk0Bq1mTq2mE9aYc5w"


def example(
    error: PublicError | str, *, text: str | None = None, name: str = "", when: str = "", **more: Any
) -> OpenApiExample:
    """Return the body of a refusal as an example; `more` are its further members.

    Args:
        text: Its `error_description`, where it is not the usual one of this error.
        when: In which case it is answered, where an endpoint says it more closely.
    """
    # as the settings in force when the document is made have it
    value = SimpleLazyObject(lambda: errors.body(error, text) | more)
    described = when or _WHEN.get(PublicError(error), "") if error in set(PublicError) else when
    return OpenApiExample(name or str(error), value=value, description=described, response_only=True)


def refusal(
    description: str, *examples: OpenApiExample, body: type[AuthError] = AuthError
) -> OpenApiResponse:
    """Return an error answer with one example for each thing it may say."""
    return OpenApiResponse(body, description, list(examples))


def bad_request(*words: PublicError, grant: OpenApiExample | None = None) -> OpenApiResponse:
    """Return 400: `invalid_request`, these, and `invalid_grant` where there is one."""
    examples = [example(word) for word in (PublicError.INVALID_REQUEST, *words)]
    return refusal("Refused as it stands.", *examples, *([grant] if grant else []))


def invalid_grant(when: str, *, reauthenticate: bool) -> OpenApiExample:
    """Return the example of a token or credentials that are not accepted: one body for every reason."""
    if reauthenticate:
        return example(PublicError.INVALID_GRANT, when=when, reauthenticate=True)
    return example(PublicError.INVALID_GRANT, when=when)


UNKNOWN_CLIENT = refusal("The client did not authenticate.", example(PublicError.INVALID_CLIENT))

LOGIN_REFUSED = refusal(
    "The client did not authenticate, or the login needs another step.",
    example(PublicError.INVALID_CLIENT),
    example(
        PublicError.INTERACTION_REQUIRED,
        when="Send `challenge` and the user's response to login/continue/.",
        challenge=f"tkc_{_ANY_ID}",
        methods=["otp"],
    ),
    body=LoginRefusal,
)

_NO_TOKEN = example(
    PublicError.INVALID_REQUEST, text=NeedsToken.default_detail, name="no_token", when="No access token came."
)
_INVALID_TOKEN = example(
    InvalidToken.default_code,
    text=InvalidToken.default_detail,
    when="Expired, revoked, malformed or unknown: refresh, or log in again.",
)

NO_TOKEN = refusal("No access token, or none that is valid (RFC 6750 3.1).", _NO_TOKEN, _INVALID_TOKEN)
NOT_RECENT = refusal(
    "No valid access token, or the login is not recent enough for this.",
    _NO_TOKEN,
    _INVALID_TOKEN,
    example(PublicError.INSUFFICIENT_USER_AUTHENTICATION),
)
NOT_FOUND = refusal("None of the user's own.", example(PublicError.NOT_FOUND))
WRONG_TYPE = refusal(
    "Content-Type is none that this endpoint reads.",
    example(PublicError.INVALID_REQUEST, when="See the media types of the request body."),
)
TOO_OFTEN = refusal("Too many requests.", example(PublicError.TEMPORARILY_UNAVAILABLE))
UNAVAILABLE = refusal("The service cannot answer now.", example(PublicError.TEMPORARILY_UNAVAILABLE))


def _header(
    name: str, description: str, statuses: Sequence[int], *, required: bool = True, **schema: Any
) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        type={"type": "string", **schema},
        location=OpenApiParameter.HEADER,
        required=required,
        description=description,
        response=[str(status) for status in statuses],
    )


def request_id(statuses: Sequence[int]) -> OpenApiParameter:
    return _header("X-Request-ID", "By which the site finds this request in its log.", statuses)


def retry_after(statuses: Sequence[int]) -> OpenApiParameter:
    return _header("Retry-After", "Seconds to wait.", statuses, pattern="^[0-9]+$")


def uncacheable(statuses: Sequence[int]) -> OpenApiParameter:
    return _header("Cache-Control", "`private, no-store`.", statuses)


def challenge(description: str, statuses: Sequence[int], *, required: bool) -> OpenApiParameter:
    return _header("WWW-Authenticate", description, statuses, required=required)


def document_headers(statuses: Sequence[int]) -> list[OpenApiParameter]:
    return [
        _header("ETag", "Of this version of the document.", statuses),
        _header("Cache-Control", "`public, max-age=...`.", statuses),
    ]
