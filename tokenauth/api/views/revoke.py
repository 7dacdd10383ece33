"""POST token/revoke/ (RFC 7009)"""

from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import parameters
from tokenauth.api.client_authentication import RefusedClient, authenticated
from tokenauth.api.views.base import TokenEndpoint
from tokenauth.errors import Refused
from tokenauth.flows.hand_back import hand_back


class RevokeView(TokenEndpoint):
    """A client hands a token back: 200 whether it was known or not."""

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=False)
        client = authenticated(request._request, sent)
        if isinstance(client, RefusedClient):
            return self.refuse_client(client)
        if isinstance(client, Refused):
            return self.refuse(client)
        token = sent.required("token")
        # a database that fails is 503, never 200 for what still lives (RFC 7009 2.2.1)
        outcome = hand_back(token, client=client.client)
        return self.refuse(outcome) if isinstance(outcome, Refused) else Response({})
