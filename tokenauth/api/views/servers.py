"""What the endpoints for resource servers share: who asks."""

from collections.abc import Callable

from django.http import HttpRequest
from rest_framework.response import Response

from tokenauth.api.client_authentication import RefusedClient
from tokenauth.api.parameters import Parameters
from tokenauth.api.views.base import PinnedView
from tokenauth.errors import Cause, Refused
from tokenauth.models.client import Client
from tokenauth.observability import log
from tokenauth.policy.clients import KnownClient


class ServerView(PinnedView):
    """An endpoint that authenticated resource servers alone may ask."""

    def server(
        self, request: HttpRequest, sent: Parameters, *, limit: Callable[[str], Refused | None]
    ) -> KnownClient | Response:
        """Return who asks, or the answer that refuses him. No query once this process knows the clients.

        Args:
            limit: Counts the call against the server of that client id.
        """
        caller = self.client_of(self.request, sent, basic_too=True, public_too=False)
        if isinstance(caller, Response):
            return caller
        if caller.kind != Client.Kind.RESOURCE:
            log.note("client_refused", cause="not_a_resource_server", client=caller.client_id)
            return self.refuse_client(RefusedClient(Refused(Cause.CLIENT_UNKNOWN), by_basic=True))
        if (throttled := limit(caller.client_id)) is not None:
            log.note(
                "resource_server_refused",
                cause=throttled.cause,
                client=caller.client_id,
                path=request.path,
            )
            return self.refuse(throttled)
        return caller
