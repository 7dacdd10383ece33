"""POST token/refresh/ and token/: the same flow, once as our contract, once as RFC 6749 to the letter."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import parameters
from tokenauth.api.address import origin_of
from tokenauth.api.parameters import BadRequest, Parameters
from tokenauth.api.views.answers import token_response
from tokenauth.api.views.base import PinnedView
from tokenauth.errors import Cause, Refused
from tokenauth.flows.asked import Asked
from tokenauth.flows.rotate import rotate
from tokenauth.observability import log
from tokenauth.policy.clients import KnownClient
from tokenauth.risk import limits

GRANT = "refresh_token"


class RefreshView(PinnedView):
    """Exchange a refresh token; JSON or form, `grant_type` may be left out."""

    json_too: ClassVar[bool] = True
    basic_too: ClassVar[bool] = False
    repeatable: ClassVar[frozenset[str]] = frozenset()
    audience_parameter: ClassVar[str] = "audience"
    reauthenticate = True

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=self.json_too, repeatable=self.repeatable)
        self.check_grant(sent)
        presented = sent.token("refresh_token")
        origin = origin_of(request._request)
        if (throttled := limits.refresh_from(origin.address)) is not None:
            log.note("refresh_refused", cause=throttled.cause, address=origin.address)
            return self.refuse(throttled)
        client = self.client_of(request, sent, basic_too=self.basic_too)
        if isinstance(client, Response):
            return client
        outcome = rotate(presented, asked=self._asked(request, sent, client))
        return self.refuse(outcome) if isinstance(outcome, Refused) else token_response(outcome.pair)

    def check_grant(self, sent: Parameters) -> None:
        """Refuse another grant than the one there is."""
        if sent.text("grant_type") not in (None, GRANT):
            raise BadRequest(Cause.GRANT_TYPE)

    def _asked(self, request: Request, sent: Parameters, client: KnownClient) -> Asked:
        return Asked(
            client=client,
            device_id=sent.device_id("device_id"),
            scope=sent.text("scope"),
            audience=sent.texts(self.audience_parameter),
            key=parameters.idempotency_key(request._request),
            origin=origin_of(request._request),
        )


class TokenView(RefreshView):
    """The token endpoint of RFC 6749: form only, `grant_type=refresh_token`, `resource` repeatable."""

    json_too = False
    basic_too = True
    repeatable = frozenset({"resource"})
    audience_parameter = "resource"

    def check_grant(self, sent: Parameters) -> None:
        if sent.text("grant_type") is None:
            raise BadRequest
        super().check_grant(sent)
