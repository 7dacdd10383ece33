"""What the account endpoints share: the user's own things, by his own token."""

from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import errors, parameters
from tokenauth.api.address import origin_of
from tokenauth.api.authentication import TokenAuthentication
from tokenauth.api.backend_requests import for_backends
from tokenauth.api.parameters import Parameters
from tokenauth.api.views.base import PinnedView
from tokenauth.errors import Cause, Refused
from tokenauth.flows.sessions import Owner
from tokenauth.observability import log
from tokenauth.policy import builtin
from tokenauth.policy.builtin import Policy
from tokenauth.policy.clients import DIRECTORY
from tokenauth.tokens.claims import AccessClaims


class AccountEndpoint(PinnedView):
    """Needs a token for the account audience."""

    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)

    def claims(self, request: Request) -> AccessClaims:
        """Return what the request's token says."""
        assert isinstance(request.auth, AccessClaims)  # noqa: S101 - IsAuthenticated let it in
        return request.auth

    def sent(self, request: Request) -> Parameters:
        """Return what came with the request; nothing where its body is empty."""
        return parameters.read(request._request, json_too=True)

    def owner(self, request: Request, sent: Parameters) -> Owner:
        """Return who acts on his own sessions, with the password where he sent one."""
        claims = self.claims(request)
        return Owner(
            user=cast("AbstractBaseUser", request.user),
            claims=claims,
            policy=_policy_of(claims),
            address=origin_of(request._request).address,
            password=sent.hidden("password"),
            request=for_backends(request._request),
        )

    def refuse(self, refused: Refused) -> Response:
        claims = self.claims(self.request)
        log.note("account_refused", cause=refused.cause, family=claims.sid, path=self.request.path)
        answer = errors.response(refused)
        if refused.cause is Cause.OLD_LOGIN:
            answer["WWW-Authenticate"] = errors.bearer_challenge(
                error="insufficient_user_authentication",
                max_age=str(_policy_of(claims).sensitive_max_age),
            )
        return answer


def _policy_of(claims: AccessClaims) -> Policy:
    client = DIRECTORY.find(claims.client_id)
    return client.policy if client is not None else builtin.named("")


def client_members(client: Any) -> dict[str, str]:
    """Return a client as accounts are shown it."""
    return {"id": client.client_id, "name": client.name}
