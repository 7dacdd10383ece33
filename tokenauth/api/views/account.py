"""What the account endpoints share: the user's own things, by his own token."""

from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser
from rest_framework.exceptions import APIException
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import errors, parameters
from tokenauth.api.address import origin_of
from tokenauth.api.authentication import TokenAuthentication
from tokenauth.api.parameters import BadRequest, UnsupportedMediaType
from tokenauth.api.views.base import PinnedView
from tokenauth.errors import Cause, PublicError, Refused
from tokenauth.flows.sessions import Owner
from tokenauth.policy import builtin
from tokenauth.policy.builtin import Policy
from tokenauth.policy.clients import DIRECTORY
from tokenauth.tokens.claims import AccessClaims


class AccountEndpoint(PinnedView):
    """Needs a token for the account audience; answers 401 `invalid_token` whatever the site's order."""

    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)

    def claims(self, request: Request) -> AccessClaims:
        """Return what the request's token says."""
        assert isinstance(request.auth, AccessClaims)  # noqa: S101 - IsAuthenticated let it in
        return request.auth

    def owner(self, request: Request) -> Owner:
        """Return who acts on his own sessions, with the password where he sent one."""
        sent = parameters.read(request._request, json_too=True)
        claims = self.claims(request)
        return Owner(
            user=cast("AbstractBaseUser", request.user),
            claims=claims,
            policy=_policy_of(claims),
            address=origin_of(request._request).address,
            password=sent.text("password"),
        )

    def refuse(self, refused: Refused) -> Response:
        answer = errors.response(refused)
        if refused.cause is Cause.OLD_LOGIN:
            answer["WWW-Authenticate"] = errors.bearer_challenge(
                error="insufficient_user_authentication",
                max_age=str(_policy_of(self.claims(self.request)).sensitive_max_age),
            )
        return answer

    def handle_exception(self, exc: Exception) -> Response:
        match exc:
            case BadRequest():
                return errors.response(exc.refused)
            case UnsupportedMediaType():
                return Response(errors.body(PublicError.INVALID_REQUEST), status=415)
            case APIException():
                return self._of_drf(exc)
        raise exc

    def _of_drf(self, exc: APIException) -> Response:
        answer = super().handle_exception(exc)
        known: dict[int, str] = {
            401: "invalid_token",
            403: "insufficient_scope",
            503: "temporarily_unavailable",
        }
        error = known.get(answer.status_code, str(PublicError.INVALID_REQUEST))
        answer.data = errors.body(error, str(exc.detail) if error in known.values() else None)
        return answer


def _policy_of(claims: AccessClaims) -> Policy:
    client = DIRECTORY.find(claims.client_id)
    return client.policy if client is not None else builtin.named("")


def rounded(second: float) -> int:
    """Return a moment of last use as accounts are shown it: rounded down to 15 minutes."""
    return int(second) // 900 * 900


def client_members(client: Any) -> dict[str, str]:
    """Return a client as accounts are shown it."""
    return {"id": client.client_id, "name": client.name}
