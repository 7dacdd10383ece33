"""POST token/revoke/ (RFC 7009)"""

from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import parameters
from tokenauth.api.address import origin_of
from tokenauth.api.views import until_applied
from tokenauth.api.views.base import PinnedView
from tokenauth.errors import Refused
from tokenauth.flows.hand_back import hand_back
from tokenauth.observability import log
from tokenauth.risk import limits


class RevokeView(PinnedView):
    """A client hands a token back: 200 whether it was known or not."""

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=False)
        address = origin_of(request._request).address
        if (throttled := limits.revocation_from(address)) is not None:
            log.note("revocation_refused", cause=throttled.cause, address=address)
            return self.refuse(throttled)
        client = self.client_of(request, sent, basic_too=True)
        if isinstance(client, Response):
            return client
        # a database that fails is 503, never 200 for what still lives (RFC 7009 2.2.1)
        token = sent.token("token")
        with until_applied.granted(request._request, client) as wait:
            outcome = hand_back(token, client=client, wait=wait)
        if isinstance(outcome, Refused):
            log.note(
                "revocation_refused",
                cause=outcome.cause,
                family=outcome.family_id,
                client=client.client_id,
                address=address,
            )
            return self.refuse(outcome)
        return Response(until_applied.told(outcome))
