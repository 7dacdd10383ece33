"""A Django service without the app: a middleware for all of it, a decorator for one view; sync and async.

    TOKENAUTH_RESOURCE = {"issuer": "https://shop.example", "client_id": "orders-api", "client_secret": ...}
    MIDDLEWARE = [..., "tokenauth.resource.django.token_middleware"]

What is not in that setting comes from the environment: `TOKENAUTH_CLIENT_SECRET` and the like. What the
token says is `request.tokenauth`, an `Accepted`. No database is needed.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from tokenauth.errors import Cause, Refused
from tokenauth.resource import bearer
from tokenauth.resource.bearer import Refusal, TwoCredentials
from tokenauth.resource.outcome import Accepted
from tokenauth.resource.verifier import Verifier

SETTING = "TOKENAUTH_RESOURCE"
#: Attribute of a request that came through.
KEY = "tokenauth"


@lru_cache(maxsize=1)
def verifier() -> Verifier:
    """Return the service's one verifier.

    Raises:
        ValidationError: A setting is missing or of another form.
    """
    return Verifier.from_environment(**getattr(django_settings, SETTING, {}))


@sync_and_async_middleware
def token_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Let nobody through without a token that counts."""
    return _guarded(get_response, scopes=())


def requires_token(*scopes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let nobody into a view without a token that counts and carries all of these scopes."""

    def decorated(view: Callable[..., Any]) -> Callable[..., Any]:
        return wraps(view)(_guarded(view, scopes=scopes))

    return decorated


def _guarded(inner: Callable[..., Any], *, scopes: tuple[str, ...]) -> Callable[..., Any]:
    if iscoroutinefunction(inner):

        async def later(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            token = _presented(request)
            outcome = await verifier().averify(token, scopes=scopes) if isinstance(token, str) else token
            if (refusal := _let_in(request, outcome, scopes)) is not None:
                return _answer(refusal)
            answering: Awaitable[HttpResponseBase] = inner(request, *args, **kwargs)
            return _uncacheable(await answering)

        return later

    def now(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        token = _presented(request)
        outcome = verifier().verify(token, scopes=scopes) if isinstance(token, str) else token
        if (refusal := _let_in(request, outcome, scopes)) is not None:
            return _answer(refusal)
        return _uncacheable(inner(request, *args, **kwargs))

    return now


def _presented(request: HttpRequest) -> str | Refusal:
    try:
        token = bearer.presented(str(request.META.get("HTTP_AUTHORIZATION", "")))
    except TwoCredentials:
        return bearer.two_credentials()
    return bearer.without_token() if token is None else token


def _let_in(
    request: HttpRequest, outcome: Accepted | Refused | Refusal, scopes: tuple[str, ...]
) -> Refusal | None:
    # Django's cache middleware would hand the answer to whoever comes with the same header later, also
    # after the token was revoked
    request._cache_update_cache = False  # type: ignore[attr-defined]
    if isinstance(outcome, Refusal):
        return outcome
    if isinstance(outcome, Refused):
        needed = scopes or tuple(sorted(verifier().settings.scopes))
        return bearer.refusal(
            outcome,
            scopes=needed if outcome.cause is Cause.SCOPE else (),
            acr=verifier().acr(),
        )
    setattr(request, KEY, outcome)
    return None


def _answer(refusal: Refusal) -> HttpResponse:
    return HttpResponse(refusal.body, status=refusal.status, headers=dict(refusal.headers))


def _uncacheable(response: HttpResponseBase) -> HttpResponseBase:
    if not response.has_header("Cache-Control"):
        response["Cache-Control"] = "private, no-store"
    patch_vary_headers(response, ["Authorization"])
    return response


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == SETTING:
        verifier.cache_clear()


setting_changed.connect(_forget, dispatch_uid="tokenauth.resource.django")
