"""DRF permissions by what the token says; they compose with `|`, `&` and `~` as DRF's own do."""

from typing import Any, NoReturn

from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from tokenauth.api.errors import InsufficientScope, NeedsToken, WrongAudience
from tokenauth.tokens.claims import AccessClaims


class _OfToken(BasePermission):
    """Holds for a token of ours that says something; else the view's refusal will say what was missing."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        claims = request.auth
        if not isinstance(claims, AccessClaims):
            _explain(view, NeedsToken())
            return False
        if self.holds(claims):
            return True
        _explain(view, self.refusal())
        return False

    def holds(self, claims: AccessClaims) -> bool:
        raise NotImplementedError

    def refusal(self) -> APIException:
        raise NotImplementedError


class _HasScopes(_OfToken):
    scopes: frozenset[str] = frozenset()

    def holds(self, claims: AccessClaims) -> bool:
        return self.scopes <= claims.scopes

    def refusal(self) -> APIException:
        return InsufficientScope(" ".join(sorted(self.scopes)))


class _IsForAudience(_OfToken):
    audiences: frozenset[str] = frozenset()

    def holds(self, claims: AccessClaims) -> bool:
        return not self.audiences.isdisjoint(claims.aud)

    def refusal(self) -> APIException:
        return WrongAudience()


def requires_scope(*scopes: str) -> type[BasePermission]:
    """Return a permission class for tokens that carry all of these scopes.

    Use it as `permission_classes = [requires_scope("orders:read")]`. Another token is answered 403
    `insufficient_scope`; a request without one of our tokens 401, also where a user is logged in by
    other means.

    Args:
        scopes: One or more; a string may hold several, separated by spaces.
    """
    wanted = frozenset(scope for text in scopes for scope in text.split())
    return type("HasScopes", (_HasScopes,), {"scopes": wanted})


def requires_audience(*audiences: str) -> type[BasePermission]:
    """Return a permission class for tokens that name one of these audiences.

    For views whose authentication class accepts several (`TokenAuthentication.audiences`). Another
    token is answered 401 `invalid_token` (RFC 9068 4).
    """
    return type("IsForAudience", (_IsForAudience,), {"audiences": frozenset(audiences)})


def _explain(view: Any, refusal: APIException) -> None:
    """Let the view refuse with this, provided that all its permissions together come out false.

    Raised from `has_permission` it would decide alone, whatever stands beside it in an `|`; and DRF's
    own refusal carries no challenge.
    """
    refuse = type(view).permission_denied

    def permission_denied(request: Request, message: str | None = None, code: str | None = None) -> NoReturn:
        if request.authenticators and not request.successful_authenticator:
            refuse(view, request, message, code)  # 401 with the challenge of the view's first authenticator
        raise refusal

    view.permission_denied = permission_denied


class NotImpersonated(BasePermission):
    """Refuses a token in which somebody else acts in the user's name: for what only the user may do."""

    message = "Nobody may do this in another's name."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return not (isinstance(request.auth, AccessClaims) and request.auth.act)
