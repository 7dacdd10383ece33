"""POST token/introspect/ (RFC 7662)"""

from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import parameters
from tokenauth.api.client_authentication import RefusedClient, authenticated
from tokenauth.api.views.base import PinnedView
from tokenauth.errors import Cause, Refused
from tokenauth.flows.introspect import Active, introspect
from tokenauth.models.client import Client
from tokenauth.observability import log
from tokenauth.risk import limits


class IntrospectView(PinnedView):
    """An authenticated resource server asks what a token is worth to it."""

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=False)
        caller = authenticated(request._request, sent, basic_too=True, public_too=False)
        if isinstance(caller, RefusedClient):
            return self.refuse_client(caller)
        if isinstance(caller, Refused):
            return self.refuse(caller)
        if caller.client.kind != Client.Kind.RESOURCE:
            log.note("client_refused", cause="not_a_resource_server", client=caller.client.client_id)
            return self.refuse_client(RefusedClient(Refused(Cause.CLIENT_UNKNOWN), by_basic=True))
        if (throttled := limits.introspection_by(caller.client.client_id)) is not None:
            log.note("introspection_refused", cause=throttled.cause, client=caller.client.client_id)
            return self.refuse(throttled)
        outcome = introspect(sent.token("token"), caller=caller.client)
        if isinstance(outcome, Refused):
            return self.refuse(outcome)
        return Response(outcome.members if isinstance(outcome, Active) else {"active": False})
