"""DRF permissions by what the token says."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from tokenauth.api.errors import InsufficientScope
from tokenauth.tokens.claims import AccessClaims


class _HasScopes(BasePermission):
    scopes: frozenset[str] = frozenset()

    def has_permission(self, request: Request, view: APIView) -> bool:
        claims = request.auth
        if not isinstance(claims, AccessClaims):
            return False
        if not self.scopes <= claims.scopes:
            raise InsufficientScope(" ".join(sorted(self.scopes)))
        return True


def requires_scope(*scopes: str) -> type[BasePermission]:
    """Return a permission class for tokens that carry all of these scopes.

    Use it as `permission_classes = [requires_scope("orders:read")]`. Another token is answered 403
    `insufficient_scope`; a request without one of our tokens 401.
    """
    return type("HasScopes", (_HasScopes,), {"scopes": frozenset(scopes)})
