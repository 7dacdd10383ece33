"""POST login/ and login/continue/"""

from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import errors, parameters
from tokenauth.api.address import origin_of
from tokenauth.api.backend_requests import for_backends
from tokenauth.api.parameters import Parameters
from tokenauth.api.views.answers import token_response
from tokenauth.api.views.base import PinnedView
from tokenauth.errors import Cause, Refused
from tokenauth.flows.asked import DeviceAsked, LoginAsked
from tokenauth.flows.challenge import Challenged
from tokenauth.flows.login import Credentials, SecondStep, continue_login, login
from tokenauth.policy.clients import KnownClient


class LoginView(PinnedView):
    """A first-party client logs a user in. Not an OAuth grant (RFC 9700 2.4)."""

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=True)
        client = self.client_of(request, sent)
        if isinstance(client, Response):
            return client
        credentials = Credentials.sent(sent.required("username"), sent.required_hidden("password"))
        asked = _asked(request, sent, client)
        outcome = login(credentials, asked=asked, request=for_backends(request._request))
        match outcome:
            case Refused():
                return self.refuse(outcome)
            case Challenged():
                return _interaction_required(outcome)
        return token_response(outcome.pair)


class ContinueLoginView(PinnedView):
    """The second step of a login that was challenged."""

    reauthenticate = True

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=True)
        client = self.client_of(request, sent)
        if isinstance(client, Response):
            return client
        answer = SecondStep(
            sent.token("challenge"), sent.required("method"), sent.required_hidden("response")
        )
        outcome = continue_login(
            answer,
            client=client,
            origin=origin_of(request._request),
            request=for_backends(request._request),
        )
        return self.refuse(outcome) if isinstance(outcome, Refused) else token_response(outcome.pair)


def _interaction_required(challenged: Challenged) -> Response:
    answer = errors.response(Refused(Cause.CHALLENGE))
    answer.data |= {"challenge": challenged.challenge, "methods": list(challenged.methods)}
    return answer


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
