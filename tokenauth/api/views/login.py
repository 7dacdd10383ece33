"""POST login/"""

from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import parameters
from tokenauth.api.address import origin_of
from tokenauth.api.client_authentication import RefusedClient, authenticated
from tokenauth.api.parameters import Parameters
from tokenauth.api.views.answers import token_response
from tokenauth.api.views.base import TokenEndpoint
from tokenauth.errors import Refused
from tokenauth.flows.asked import DeviceAsked, LoginAsked
from tokenauth.flows.login import Credentials, login
from tokenauth.policy.clients import KnownClient


class LoginView(TokenEndpoint):
    """A first-party client logs a user in. Not an OAuth grant (RFC 9700 2.4)."""

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=True, repeatable=frozenset({"audience"}))
        client = authenticated(request._request, sent)
        if isinstance(client, RefusedClient):
            return self.refuse_client(client)
        if isinstance(client, Refused):
            return self.refuse(client)
        credentials = Credentials.sent(sent.required("username"), sent.required("password"))
        asked = _asked(request, sent, client.client)
        outcome = login(credentials, asked=asked, request=request._request)
        return self.refuse(outcome) if isinstance(outcome, Refused) else token_response(outcome.pair)


def _asked(request: Request, sent: Parameters, client: KnownClient) -> LoginAsked:
    return LoginAsked(
        client=client,
        device=_device(request, sent),
        scope=sent.text("scope"),
        audience=sent.texts("audience"),
        key_was_sent=parameters.idempotency_key(request._request) is not None,
        origin=origin_of(request._request),
    )


def _device(request: Request, sent: Parameters) -> DeviceAsked:
    is_form = request._request.content_type != "application/json"
    part, prefix = (sent, "device_") if is_form else (sent.part("device"), "")
    return DeviceAsked(
        id=part.device_id(f"{prefix}id"),
        name=(part.text(f"{prefix}name") or "")[:100],
        platform=(part.text(f"{prefix}platform") or "")[:50],
    )
