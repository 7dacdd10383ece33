"""Django REST framework without the app: an authentication class and a permission (RFC 6750).

    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["tokenauth.resource.drf.TokenAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "UNAUTHENTICATED_USER": None,
    }

The verifier is the one of `tokenauth.resource.django`: settings, environment, no database.
"""

from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tokenauth.errors import Cause, Refused
from tokenauth.resource import bearer, django
from tokenauth.resource.bearer import Refusal, TwoCredentials
from tokenauth.resource.outcome import Accepted
from tokenauth.tokens.claims import AccessClaims

_SHOWED_ONE = "_tokenauth_showed_a_token"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom the token speaks for, by the issuer's key: a user of no table here."""

    pk: str
    is_authenticated = True
    is_anonymous = False
    is_active = True

    @property
    def id(self) -> str:
        return self.pk

    def __str__(self) -> str:
        return self.pk


class NotLetIn(APIException):
    """A refusal with its challenge, whichever authentication class stands first."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description, refusal.error)
        self.status_code = refusal.status
        named = dict(refusal.headers)
        if (challenge := named.get("WWW-Authenticate")) is not None:
            self.auth_header = challenge
        if (wait := named.get("Retry-After")) is not None:
            self.wait = int(wait)


class TokenAuthentication(BaseAuthentication):
    """`request.user` is a `Caller`, `request.auth` the token's claims."""

    def authenticate(self, request: Request) -> tuple[Any, AccessClaims] | None:
        """Return caller and claims; None without a bearer token.

        Raises:
            NotLetIn: 401, 403, 400 for two credentials, 503 where nobody can tell.
        """
        try:
            token = bearer.presented(str(request.META.get("HTTP_AUTHORIZATION", "")))
        except TwoCredentials:
            raise NotLetIn(bearer.two_credentials()) from None
        if token is None:
            return None
        setattr(request, _SHOWED_ONE, True)
        # no answer that hangs on a token belongs into Django's cache
        request._request._cache_update_cache = False  # type: ignore[attr-defined]
        outcome = django.verifier().verify(token)
        if isinstance(outcome, Refused):
            verifier = django.verifier()
            raise NotLetIn(bearer.refusal(outcome, scopes=verifier.settings.scopes, acr=verifier.acr()))
        request._request.tokenauth = outcome  # type: ignore[attr-defined]
        return Caller(outcome.user_key), outcome.claims

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge: with an error only where a token was shown (RFC 6750 3.1)."""
        told = ', error="invalid_token"' if getattr(request, _SHOWED_ONE, False) else ""
        return f'Bearer realm="{bearer.REALM}"{told}'


def requires_scope(*scopes: str) -> type[BasePermission]:
    """Return a permission class for tokens that carry all of these scopes."""

    class HasScopes(BasePermission):
        def has_permission(self, request: Request, view: Any) -> bool:
            if not isinstance(request.auth, AccessClaims):
                return False
            if not Accepted(request.auth).has_scopes(*scopes):
                raise NotLetIn(bearer.refusal(Refused(Cause.SCOPE), scopes=scopes))
            return True

    return HasScopes
