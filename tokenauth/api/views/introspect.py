"""POST token/introspect/ (RFC 7662)"""

from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import parameters
from tokenauth.api.views.servers import ServerView
from tokenauth.errors import Refused
from tokenauth.flows.introspect import Active, introspect
from tokenauth.risk import limits


class IntrospectView(ServerView):
    """An authenticated resource server asks what a token is worth to it."""

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=False)
        caller = self.server(request._request, sent, limit=limits.introspection_by)
        if isinstance(caller, Response):
            return caller
        outcome = introspect(sent.token("token"), caller=caller)
        if isinstance(outcome, Refused):
            return self.refuse(outcome)
        return Response(outcome.members if isinstance(outcome, Active) else {"active": False})
