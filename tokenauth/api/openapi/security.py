"""How a request authenticates: a user's access token, or the client itself."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings
from rest_framework.permissions import AND

#: Name and definition of the client's own authentication (RFC 6749 2.3.1).
CLIENT = "clientBasic"
CLIENT_DEFINITION = {
    "type": "http",
    "scheme": "basic",
    "description": "`client_id` and `client_secret`, each form-encoded first (RFC 6749 2.3.1). A client "
    "without a secret, and one that would rather, names itself in the body.",
}


class AccessToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`TokenAuthentication`, on a site's own views too: with the scopes that `requires_scope` asks for."""

    target_class = "tokenauth.api.authentication.TokenAuthentication"
    match_subclasses = True
    priority = 1  # before the one for simplejwt, of whose class ours is
    name = "accessToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token from `login/` or a refresh (RFC 6750).",
        }

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[Any]]:
        return {self.name: sorted(_scopes(auto_schema.view.get_permissions())) if _may_name_roles() else []}


def _may_name_roles() -> bool:
    # before 3.1 only OAuth schemes could: a bearer's list had to be empty
    return not str(spectacular_settings.OAS_VERSION).startswith("3.0")


def _scopes(permissions: Iterable[Any]) -> set[str]:
    found: set[str] = set()
    for permission in permissions:
        if isinstance(permission, AND):
            found |= _scopes(vars(permission).values())
        else:
            found |= set(getattr(permission, "scopes", ()))
    return found
