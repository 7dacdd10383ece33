"""Every endpoint of DESIGN's contract, described."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse

from tokenauth.api.openapi import answers, bodies
from tokenauth.api.openapi.answers import bad_request, invalid_grant
from tokenauth.api.openapi.inspector import Call
from tokenauth.api.views.base import PinnedView
from tokenauth.api.views.devices import DevicesView, DeviceView, RevokeDeviceView
from tokenauth.api.views.health import HealthView
from tokenauth.api.views.introspect import IntrospectView
from tokenauth.api.views.login import ContinueLoginView, LoginView
from tokenauth.api.views.public import JwksView, MetadataView
from tokenauth.api.views.revocations import RevocationsView
from tokenauth.api.views.revoke import RevokeView
from tokenauth.api.views.sessions import RevokeAllView, RevokeOthersView, SessionsView, SessionView
from tokenauth.api.views.token import RefreshView, TokenView
from tokenauth.errors import PublicError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_USER = "Tokens"
_OAUTH = "OAuth"
_ACCOUNT = "Account"
_SITE = "Site"

_ID = "01980a2e-7c1b-7d3e-9a4f-2b6c8d0e1f23"
_WHEN = "2026-11-25T09:15:00Z"

_PAIR = OpenApiResponse(
    bodies.TokenPair,
    "The pair.",
    [
        OpenApiExample(
            "pair",
            {
                "access_token": "eyJhbGciOiJFUzI1NiIs...",
                "token_type": "Bearer",
                "expires_in": 300,
                "refresh_token": "tkr_eyJhbGciOiJIUzI1NiIs...",
                "refresh_expires_in": 604800,
                "scope": "orders:read orders:write",
                "session_id": _ID,
                "device_id": _ID,
            },
        )
    ],
)
_ENDED = OpenApiResponse(bodies.EndedSessions, "Ended.", [OpenApiExample("ended", {"ended": 3})])

_REQUEST_ID = OpenApiParameter(
    "X-Request-ID",
    str,
    OpenApiParameter.HEADER,
    description="1 to 64 of `A-Za-z0-9._-`: comes back, and stands in the site's log. Another is replaced.",
)
_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{16,64}$"},
    OpenApiParameter.HEADER,
    description="Random, stored beside the token before it is sent; the same for every retry. Sent with the "
    "login it makes the session exact, where the client's policy says so: each refresh then needs one.",
)
_CURSOR = OpenApiParameter(
    "cursor",
    {"type": "string", "pattern": "^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"},
    description="From `next`; left out: the first page.",
)

_AFTER = OpenApiParameter(
    "after",
    str,
    description="The cursor of the last answer; left out, or of another history: from the start.",
)
_WAIT = OpenApiParameter(
    "wait",
    {"type": "number", "minimum": 0, "maximum": 60},
    description="Seconds that the answer may wait for news.",
)
_RULES = OpenApiParameter("rules", str, description="`rules_hash` of the rules that the server has.")
_REFUSED = OpenApiParameter(
    "refused",
    str,
    description="What it refused since the last question: `cause:count,...`, for the site's log.",
)
_UNTIL_APPLIED = OpenApiParameter(
    "wait",
    {"type": "string", "pattern": r"^([0-4](\.[0-9]{1,3})?|5)?$"},
    description="Seconds to wait until every process refuses the token, where the client has a secret; one "
    "request of a process waits at a time.",
)


def _id_of(what: str) -> OpenApiParameter:
    return OpenApiParameter(
        f"{what}_id",
        {"type": "string", "format": "uuid"},
        OpenApiParameter.PATH,
        description=f"Of the {what}.",
    )


def _both(json: type[Any], form: type[Any], example: Mapping[str, Any], **of_form: Any) -> dict[str, Any]:
    return {
        JSON: OpenApiRequest(json, examples=[OpenApiExample("usual", dict(example))]),
        FORM: OpenApiRequest(form, examples=[OpenApiExample("usual", of_form or dict(example))]),
    }


def _form(form: type[Any], example: Mapping[str, Any], **encoding: Any) -> dict[str, Any]:
    return {FORM: OpenApiRequest(form, encoding or None, [OpenApiExample("usual", dict(example))])}


def _of_client(
    *,
    answers_: Mapping[int, OpenApiResponse],
    parameters: tuple[OpenApiParameter, ...] = (),
    basic_too: bool = False,
    **named: Any,
) -> Call:
    """A call that a client makes in its own name."""
    all_answers = dict(
        sorted(
            {
                401: answers.UNKNOWN_CLIENT,
                415: answers.WRONG_TYPE,
                429: answers.TOO_OFTEN,
                503: answers.UNAVAILABLE,
                **answers_,
            }.items()
        )
    )
    headers = [
        answers.request_id(list(all_answers)),
        answers.uncacheable(list(all_answers)),
        answers.retry_after([429, 503]),
    ]
    if basic_too:
        headers.append(answers.challenge("Where the client used HTTP Basic.", [401], required=False))
    return Call(
        answers=all_answers,
        parameters=[_REQUEST_ID, *parameters, *headers],
        basic_too=basic_too,
        **named,
    )


def _of_user(
    *, answers_: Mapping[int, OpenApiResponse], parameters: tuple[OpenApiParameter, ...] = (), **named: Any
) -> Call:
    """A call that a user makes with an access token for the account audience."""
    all_answers = dict(
        sorted(
            {
                400: bad_request(),
                401: answers.NO_TOKEN,
                503: answers.UNAVAILABLE,
                **answers_,
            }.items()
        )
    )
    throttled = [status for status in (429, 503) if status in all_answers]
    headers = [
        answers.request_id(list(all_answers)),
        answers.uncacheable(list(all_answers)),
        answers.retry_after(throttled),
        answers.challenge("RFC 6750 3: `error` only where a token was shown.", [401], required=True),
        answers.challenge("Where two credentials came at once.", [400], required=False),
    ]
    return Call(answers=all_answers, parameters=[_REQUEST_ID, *parameters, *headers], tag=_ACCOUNT, **named)


def _sensitive(
    *, answers_: Mapping[int, OpenApiResponse], parameters: tuple[OpenApiParameter, ...] = (), **named: Any
) -> Call:
    """A call that needs a recent login or the password."""
    more = {401: answers.NOT_RECENT, 415: answers.WRONG_TYPE, 429: answers.TOO_OFTEN}
    return _of_user(answers_={**more, **answers_}, parameters=parameters, **named)


def _document(body: type[Any], description: str, example: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[int, OpenApiResponse] = {
        200: OpenApiResponse(body, description, [OpenApiExample("usual", dict(example))]),
        304: OpenApiResponse(None, "The version that `If-None-Match` names."),
        400: bad_request(),
        503: answers.UNAVAILABLE,
    }
    headers = [
        *answers.document_headers([200, 304]),
        answers.request_id(list(found)),
        answers.retry_after([503]),
    ]
    return {"tag": _SITE, "answers": found, "parameters": [_REQUEST_ID, *headers]}


_REUSED = "Expired, revoked, unknown, another client's or shown twice: one answer for every reason."

_SESSION = {
    "id": _ID,
    "current": True,
    "client": {"id": "web", "name": "Web"},
    "device": {"id": _ID, "name": "Ada's phone", "platform": "Android 16"},
    "created_at": _WHEN,
    "last_used_at": _WHEN,
    "expires_at": _WHEN,
    "scope": "orders:read",
    "impersonated": False,
}
_DEVICE = {
    "id": _ID,
    "name": "Ada's phone",
    "platform": "Android 16",
    "client": {"id": "web", "name": "Web"},
    "created_at": _WHEN,
    "last_used_at": _WHEN,
    "current": True,
    "lost": False,
}

CALLS: dict[type[PinnedView], Call] = {
    LoginView: _of_client(
        name="login",
        tag=_USER,
        summary="Log a user in",
        description="For first-party clients; not an OAuth grant.",
        request=_both(
            bodies.LoginRequest,
            bodies.LoginForm,
            {
                "username": "ada",
                "password": "correct horse battery staple",
                "client_id": "web",
                "scope": "orders:read",
                "device": {"name": "Ada's phone", "platform": "Android 16"},
            },
            username="ada",
            password="correct horse battery staple",  # noqa: S106 - an example
            client_id="web",
            device_name="Ada's phone",
        ),
        parameters=(_IDEMPOTENCY_KEY,),
        answers_={
            200: _PAIR,
            400: bad_request(
                PublicError.UNAUTHORIZED_CLIENT,
                PublicError.INVALID_SCOPE,
                PublicError.INVALID_TARGET,
                grant=invalid_grant(
                    "Unknown, wrong, inactive or locked: one answer for every reason.", reauthenticate=False
                ),
            ),
            401: answers.LOGIN_REFUSED,
        },
    ),
    ContinueLoginView: _of_client(
        name="login_continue",
        tag=_USER,
        summary="Finish a login that needs a second step",
        description="With the `challenge` that the login was answered with.",
        request=_both(
            bodies.LoginContinuation,
            bodies.LoginContinuation,
            {"challenge": "tkc_...", "method": "otp", "response": "123456", "client_id": "web"},
        ),
        answers_={
            200: _PAIR,
            400: bad_request(
                PublicError.UNAUTHORIZED_CLIENT,
                PublicError.INVALID_SCOPE,
                PublicError.INVALID_TARGET,
                grant=invalid_grant(
                    "Wrong, too late, too often or used: one answer for every reason.", reauthenticate=True
                ),
            ),
        },
    ),
    RefreshView: _of_client(
        name="refresh",
        tag=_USER,
        summary="Exchange a refresh token for the next pair",
        description="After a timeout or a 5xx send the same request again: a late or doubled one logs nobody "
        "out.",
        request=_both(
            bodies.RefreshRequest, bodies.RefreshForm, {"refresh_token": "tkr_...", "client_id": "web"}
        ),
        parameters=(_IDEMPOTENCY_KEY,),
        answers_={
            200: _PAIR,
            400: bad_request(
                PublicError.UNSUPPORTED_GRANT_TYPE,
                PublicError.INVALID_SCOPE,
                PublicError.INVALID_TARGET,
                grant=invalid_grant(_REUSED, reauthenticate=True),
            ),
        },
    ),
    TokenView: _of_client(
        name="token",
        tag=_OAUTH,
        summary="The token endpoint (RFC 6749)",
        description="For any OAuth client library: the grant `refresh_token`.",
        request=_form(
            bodies.TokenRequest,
            {"grant_type": "refresh_token", "refresh_token": "tkr_...", "client_id": "web"},
            resource={"style": "form", "explode": True},
        ),
        parameters=(_IDEMPOTENCY_KEY,),
        basic_too=True,
        answers_={
            200: _PAIR,
            400: bad_request(
                PublicError.UNSUPPORTED_GRANT_TYPE,
                PublicError.INVALID_SCOPE,
                PublicError.INVALID_TARGET,
                grant=invalid_grant(_REUSED, reauthenticate=True),
            ),
        },
    ),
    RevokeView: _of_client(
        name="revoke",
        tag=_OAUTH,
        summary="Hand a token back (RFC 7009)",
        description="A refresh token ends its session, an access token itself.",
        request=_form(bodies.TokenToJudge, {"token": "tkr_...", "client_id": "web"}),
        parameters=(_UNTIL_APPLIED,),
        basic_too=True,
        answers_={
            200: OpenApiResponse(
                bodies.HandedBack,
                "Revoked, or unknown.",
                [
                    OpenApiExample("done", {}),
                    OpenApiExample("waited for", {"applied": {"by": 4, "of": 4, "seconds": 0.213}}),
                ],
            ),
            400: bad_request(grant=invalid_grant("Another client's: it stays valid.", reauthenticate=False)),
        },
    ),
    IntrospectView: _of_client(
        name="introspect",
        tag=_OAUTH,
        summary="What a token is worth (RFC 7662)",
        description="For authenticated resource servers, about tokens that name their audience. With the "
        "header `Accept: application/token-introspection+jwt` the answer is signed (RFC 9701).",
        also={
            (200, "application/token-introspection+jwt"): OpenApiResponse(
                {"type": "string"},
                "The same, signed: a JWS with `iss`, `aud` (the caller), `iat` and `token_introspection`.",
                [OpenApiExample("signed", "eyJhbGciOiJFUzI1NiIs...")],
            )
        },
        request=_form(bodies.TokenToJudge, {"token": "eyJhbGciOiJFUzI1NiIs...", "client_id": "orders-api"}),
        basic_too=True,
        answers_={
            200: OpenApiResponse(
                bodies.Introspection,
                "What this resource server may know.",
                [
                    OpenApiExample(
                        "active",
                        {
                            "active": True,
                            "iss": "https://example.com",
                            "sub": "42",
                            "aud": "https://orders.example.com",
                            "client_id": "web",
                            "iat": 1795598100,
                            "exp": 1795598400,
                            "jti": "Z3vXk0Bq1mTq2mE9aYc5wA",
                            "sid": _ID,
                            "scope": "orders:read",
                            "auth_time": 1795598100,
                            "token_type": "Bearer",
                        },
                    ),
                    OpenApiExample("inactive", {"active": False}),
                ],
            ),
            400: bad_request(),
        },
    ),
    RevocationsView: _of_client(
        name="revocations",
        tag=_OAUTH,
        summary="What was revoked since the last question",
        description="For authenticated resource servers that validate tokens by themselves. With `wait` the "
        "answer comes once there is news, at the latest after that time; where the site runs under WSGI "
        "after a second at most.",
        basic_too=True,
        parameters=(_AFTER, _WAIT, _RULES, _REFUSED),
        answers_={
            200: OpenApiResponse(
                bodies.Revocations,
                "The orders, by number. A wait that ends in a failure is a body of `error` alone.",
                [
                    OpenApiExample(
                        "news",
                        {
                            "cursor": "1.0f8fad5bd9cb469fa165708677289501.17.42.u1...",
                            "reset": False,
                            "more": False,
                            "orders": [
                                {
                                    "kind": 5,
                                    "digest": "Z3vXk0Bq1mTq2mE9aYc5wA",
                                    "floor": 3,
                                    "until": 1795598770,
                                }
                            ],
                            "held": 0.25,
                            "rules_hash": "Vb1m7F2c0cJH2m1bqv3vWg",
                        },
                    )
                ],
            ),
            400: bad_request(),
        },
    ),
    JwksView: Call(
        name="jwks",
        summary="The public keys (RFC 7517)",
        description="Every key whose tokens are still alive.",
        **_document(
            bodies.KeySet,
            "The keys.",
            {
                "keys": [
                    {
                        "kty": "EC",
                        "use": "sig",
                        "alg": "ES256",
                        "kid": "u1...",
                        "crv": "P-256",
                        "x": "f8...",
                        "y": "x_...",
                    }
                ]
            },
        ),
    ),
    MetadataView: Call(
        name="metadata",
        summary="The server's metadata (RFC 8414)",
        description="Where an OAuth client finds the rest.",
        **_document(
            bodies.ServerMetadata,
            "The metadata.",
            {
                "issuer": "https://example.com",
                "token_endpoint": "https://example.com/auth/token/",
                "revocation_endpoint": "https://example.com/auth/token/revoke/",
                "introspection_endpoint": "https://example.com/auth/token/introspect/",
                "jwks_uri": "https://example.com/auth/jwks/",
                "grant_types_supported": ["refresh_token"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                    "none",
                ],
                "revocation_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                    "none",
                ],
                "introspection_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                ],
                "introspection_signing_alg_values_supported": ["ES256"],
                "revocations_endpoint": "https://example.com/auth/revocations/",
                "revocations_endpoint_auth_methods_supported": ["client_secret_basic"],
            },
        ),
    ),
    HealthView: Call(
        name="health",
        tag=_SITE,
        summary="Whether this process may serve",
        description="For load balancers; the mirror's age and number and the other processes for operators.",
        answers={
            200: OpenApiResponse(bodies.Readiness, "It may.", [OpenApiExample("ready", {"ready": True})]),
            400: bad_request(),
            503: OpenApiResponse(
                bodies.Readiness, "It may not.", [OpenApiExample("stale", {"ready": False})]
            ),
        },
        parameters=[_REQUEST_ID, answers.request_id([200, 400, 503]), answers.uncacheable([200, 400, 503])],
    ),
    SessionsView: _of_user(
        name="sessions",
        summary="The user's own sessions",
        description="Those that are alive; newest first.",
        parameters=(_CURSOR,),
        answers_={
            200: OpenApiResponse(
                bodies.UserSessionPage,
                "One page.",
                [OpenApiExample("last page", {"results": [_SESSION], "next": None})],
            )
        },
    ),
    SessionView: _sensitive(
        name="end_session",
        summary="End one of the user's own sessions",
        description="Another one than the caller's needs a recent login, or `{password}` as the body.",
        parameters=(_id_of("session"),),
        answers_={204: OpenApiResponse(None, "Ended, now or before."), 404: answers.NOT_FOUND},
    ),
    RevokeOthersView: _sensitive(
        name="revoke_others",
        summary="End all sessions but this one",
        description="The caller's next refresh succeeds.",
        request=_both(bodies.Confirmation, bodies.Confirmation, {}),
        answers_={200: _ENDED},
    ),
    RevokeAllView: _sensitive(
        name="revoke_all",
        summary="End all sessions",
        description="The caller's too.",
        request=_both(bodies.Confirmation, bodies.Confirmation, {}),
        answers_={200: _ENDED},
    ),
    DevicesView: _of_user(
        name="devices",
        summary="The user's own devices",
        description="Newest first.",
        parameters=(_CURSOR,),
        answers_={
            200: OpenApiResponse(
                bodies.UserDevicePage,
                "One page.",
                [OpenApiExample("last page", {"results": [_DEVICE], "next": None})],
            )
        },
    ),
    DeviceView: _of_user(
        name="rename_device",
        summary="Rename a device",
        description="One of the user's own.",
        request=_both(bodies.DeviceRename, bodies.DeviceRename, {"name": "Ada's phone"}),
        parameters=(_id_of("device"),),
        answers_={
            200: OpenApiResponse(bodies.UserDevice, "The device.", [OpenApiExample("device", _DEVICE)]),
            404: answers.NOT_FOUND,
            415: answers.WRONG_TYPE,
        },
    ),
    RevokeDeviceView: _sensitive(
        name="revoke_device",
        summary="Write a device off for good",
        description="Its sessions end, and it is never found again.",
        request=_both(bodies.DeviceLoss, bodies.DeviceLoss, {"reason": "lost"}),
        parameters=(_id_of("device"),),
        answers_={200: _ENDED, 404: answers.NOT_FOUND},
    ),
}
