"""What all endpoints share: a site's DRF defaults do not change a byte of their answers."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django import db
from django.conf import settings as django_settings
from django.http import HttpRequest
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tokenauth import conf
from tokenauth.api import error_pages, errors, request_ids
from tokenauth.api.client_authentication import RefusedClient, authenticated, note_use_after
from tokenauth.api.parameters import BadRequest, Parameters, UnsupportedMediaType
from tokenauth.errors import Cause, PublicError, Refused
from tokenauth.observability import log
from tokenauth.policy.clients import Authenticated, KnownClient


class AlwaysJson(BaseContentNegotiation):
    """JSON, whatever Accept says."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> None:
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or "application/json"


class PlainJson(JSONRenderer):
    """Compact UTF-8, whatever COMPACT_JSON, UNICODE_JSON and STRICT_JSON say."""

    compact = True
    ensure_ascii = False
    strict = True

    def get_indent(self, accepted_media_type: str, renderer_context: Any) -> None:
        return None


class PinnedView(APIView):
    """An endpoint of ours: its own parsers, renderer, negotiation and flat errors."""

    authentication_classes: Sequence[Any] = ()
    permission_classes: Sequence[Any] = (AllowAny,)
    parser_classes: Sequence[Any] = ()
    renderer_classes: Sequence[Any] = (PlainJson,)
    throttle_classes: Sequence[Any] = ()
    content_negotiation_class = AlwaysJson
    versioning_class = None
    metadata_class = None
    schema = None
    #: Whether the answer depends on a credential and so belongs in no cache.
    is_private = True
    #: Whether `invalid_grant` tells the client to log in again.
    reauthenticate = False
    #: By which this request is found in the log.
    request_id: str

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view: Any = super().as_view(**initkwargs)
        # a refusal that wrote something must not be rolled back with the request (PROTOCOL 1)
        view._non_atomic_requests = set(django_settings.DATABASES)
        return view

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        error_pages.guard(request)
        if request.encoding is not None:
            # a client's charset may be none ("base64"): query and form are UTF-8
            request.encoding = "utf-8"
        self.request_id = request_ids.id_of(request)
        with log.during(self.request_id):
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if conf.current().REQUIRE_TLS and not request.is_secure():
            raise BadRequest
        super().initial(request, *args, **kwargs)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Answer 204; what is allowed stands in the header Allow."""
        return Response(status=status.HTTP_204_NO_CONTENT)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.is_private:
            response["Cache-Control"] = "private, no-store"
            response["Pragma"] = "no-cache"
            response["Vary"] = "Authorization"
        response["X-Request-ID"] = self.request_id
        note_use_after(response, request=self.request._request)
        return response

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an exception; the site's EXCEPTION_HANDLER is not asked."""
        match exc:
            case BadRequest():
                log.note("request_refused", cause=exc.refused.cause, path=self.request.path)
                return errors.response(exc.refused)
            case UnsupportedMediaType():
                return Response(
                    errors.body(PublicError.INVALID_REQUEST), status=status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
                )
            case db.Error() if not isinstance(exc, db.ProgrammingError):
                # the same request may be sent again: a failed one consumes nothing
                log.note(
                    "database_failed", level=logging.ERROR, error=type(exc).__name__, path=self.request.path
                )
                return errors.response(Refused(Cause.BUSY, retry_after=1))
            case APIException():
                return errors.of_exception(exc)
        raise exc

    def client_of(
        self, request: Request, sent: Parameters, *, basic_too: bool = False, public_too: bool = True
    ) -> KnownClient | Response:
        """Return the client that asks, or what one is answered that did not authenticate.

        Args:
            sent: What came with the request.
            basic_too: Whether this endpoint reads HTTP Basic as well as the body.
            public_too: Whether a client without a secret may come here.
        Raises:
            BadRequest: No client is named, or by two ways at once.
        """
        found = authenticated(request._request, sent, basic_too=basic_too, public_too=public_too)
        match found:
            case Authenticated():
                return found.client
            case RefusedClient():
                return self.refuse_client(found)
        return self.refuse(found)

    def refuse(self, refused: Refused) -> Response:
        """Answer a refusal."""
        return errors.response(refused, reauthenticate=self.reauthenticate)

    def refuse_client(self, failed: RefusedClient) -> Response:
        """Answer a client that did not authenticate, with a challenge where it used Basic."""
        answer = errors.response(failed.refused)
        if failed.by_basic and answer.status_code == status.HTTP_401_UNAUTHORIZED:
            answer["WWW-Authenticate"] = f'Basic realm="{errors.REALM}"'
        return answer
