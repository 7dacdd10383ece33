"""POST token/introspect/ (RFC 7662), its answer signed where the caller asks for that (RFC 9701)."""

import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth import conf
from tokenauth.api import parameters
from tokenauth.api.views.servers import ServerView
from tokenauth.errors import Refused
from tokenauth.flows.introspect import Active, introspect
from tokenauth.policy.clients import KnownClient
from tokenauth.risk import limits
from tokenauth.tokens import introspection
from tokenauth.tokens.keyring import KEYRING

_JSON = "application/json"
_LONGEST_ACCEPT = 1_024


class IntrospectView(ServerView):
    """An authenticated resource server asks what a token is worth to it."""

    def post(self, request: Request) -> HttpResponse:
        sent = parameters.read(request._request, json_too=False)
        caller = self.server(request._request, sent, limit=limits.introspection_by)
        if isinstance(caller, Response):
            return caller
        outcome = introspect(sent.token("token"), caller=caller)
        if isinstance(outcome, Refused):
            return self.refuse(outcome)
        members = outcome.members if isinstance(outcome, Active) else {"active": False}
        return _signed(members, caller) if _asks_for_a_signature(request._request) else Response(members)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Vary"] = "Authorization, Accept"
        return response


def _signed(members: dict[str, Any], caller: KnownClient) -> HttpResponse:
    token = introspection.signed(
        members,
        issuer=conf.current().ISSUER,
        caller=caller.client_id,
        at=int(time.time()),
        key=KEYRING.signing(),
    )
    return HttpResponse(token, content_type=introspection.MEDIA_TYPE)


def _asks_for_a_signature(request: HttpRequest) -> bool:
    """Whether Accept names that type, and JSON not with more weight. A wildcard means JSON."""
    accepted = dict(_weights(request.headers.get("Accept", "")[:_LONGEST_ACCEPT]))
    weight = accepted.get(introspection.MEDIA_TYPE, 0.0)
    return weight > 0 and weight >= accepted.get(_JSON, 0.0)


def _weights(accept: str) -> list[tuple[str, float]]:
    found = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            found.append((name, float(weight)))
        except ValueError:
            continue
    return found
