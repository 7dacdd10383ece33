"""What all token endpoints share: a site's DRF defaults do not change a byte of their answers."""

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings as django_settings
from django.db import InterfaceError, OperationalError
from rest_framework import exceptions, status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tokenauth import conf
from tokenauth.api import errors
from tokenauth.api.client_authentication import RefusedClient
from tokenauth.api.parameters import BadRequest, UnsupportedMediaType
from tokenauth.errors import Cause, PublicError, Refused
from tokenauth.observability import log

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class AlwaysJson(BaseContentNegotiation):
    """JSON, whatever Accept says."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> None:
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or "application/json"


class PinnedView(APIView):
    """An endpoint of ours: its own parsers, renderer, negotiation and errors."""

    authentication_classes: Sequence[Any] = ()
    permission_classes: Sequence[Any] = (AllowAny,)
    parser_classes: Sequence[Any] = ()
    renderer_classes: Sequence[Any] = (JSONRenderer,)
    throttle_classes: Sequence[Any] = ()
    content_negotiation_class = AlwaysJson
    versioning_class = None
    schema = None
    #: Whether the answer depends on a credential and so belongs in no cache.
    is_private = True
    #: Whether `invalid_grant` tells the client to log in again.
    reauthenticate = False

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view: Any = super().as_view(**initkwargs)
        # a refusal that wrote something must not be rolled back with the request (PROTOCOL 1)
        view._non_atomic_requests = set(django_settings.DATABASES)
        return view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if conf.current().REQUIRE_TLS and not request.is_secure():
            raise BadRequest
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.is_private:
            response["Cache-Control"] = "private, no-store"
            response["Pragma"] = "no-cache"
            response["Vary"] = "Authorization"
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        response["X-Request-ID"] = sent if _REQUEST_ID.match(sent) else errors.new_request_id()
        return response

    def refuse(self, refused: Refused) -> Response:
        """Answer a refusal."""
        return errors.response(refused, reauthenticate=self.reauthenticate)

    def refuse_client(self, failed: RefusedClient) -> Response:
        """Answer a client that did not authenticate, with a challenge where it used Basic."""
        answer = errors.response(failed.refused)
        if failed.by_basic and answer.status_code == status.HTTP_401_UNAUTHORIZED:
            answer["WWW-Authenticate"] = f'Basic realm="{errors.REALM}"'
        return answer


class TokenEndpoint(PinnedView):
    """An endpoint for clients: every error is a flat object of RFC 6749 5.2."""

    def handle_exception(self, exc: Exception) -> Response:
        match exc:
            case BadRequest():
                return errors.response(exc.refused)
            case UnsupportedMediaType():
                return _plain(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE)
            case exceptions.MethodNotAllowed():
                return _plain(exc.status_code)
            case exceptions.APIException():
                return errors.response(Refused(Cause.MALFORMED))
            case OperationalError() | InterfaceError():
                # whether it wrote or not, the same request may be sent again
                log.note("database_failed", level=logging.ERROR, error=type(exc).__name__)
                return errors.response(Refused(Cause.BUSY, retry_after=1))
        raise exc


def _plain(code: int) -> Response:
    return Response(errors.body(PublicError.INVALID_REQUEST), status=code)
