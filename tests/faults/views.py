"""A view that any token opens and that says when this was decided; one that keeps the interpreter busy."""

import os
import re
import threading
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.faults import facts
from tokenauth.api.authentication import TokenAuthentication

_KEY = "faults.decided"
#: Backtracks for longer than anybody waits, all of it in one call that holds the interpreter's lock.
_SLOW = re.compile(r"(a+)+b")


class TimedAuthentication(TokenAuthentication):
    """The app's own class; the request remembers when its decision began and ended."""

    def authenticate(self, request: Request) -> Any:
        started = facts.now()
        try:
            return super().authenticate(request)
        finally:
            request.META[_KEY] = f"{os.getpid()} {started!r} {facts.now()!r}"


class Check(APIView):
    """Opened by any token. No query: an answer is the authentication's alone."""

    authentication_classes = [TimedAuthentication]

    def get(self, request: Request) -> Response:
        return Response({})


def burn(request: HttpRequest) -> HttpResponse:
    """Keep this process's interpreter busy for so many seconds, in threads beside the requests."""
    until = facts.now() + min(float(request.GET["seconds"]), 10)
    for _ in range(4):
        threading.Thread(target=_burn, args=(until,), daemon=True).start()
    return HttpResponse(status=204)


def _burn(until: float) -> None:
    while facts.now() < until:
        _SLOW.match("a" * 18)


def says_when_it_was_decided(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: copies what the request remembers into the answer."""

    def told(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if (decided := request.META.get(_KEY)) is not None:
            response[facts.DECIDED] = decided
        return response

    if iscoroutinefunction(get_response):

        async def amiddleware(request: HttpRequest) -> HttpResponseBase:
            return told(request, await get_response(request))

        markcoroutinefunction(amiddleware)
        return amiddleware

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return told(request, get_response(request))

    return middleware


says_when_it_was_decided.async_capable = True  # type: ignore[attr-defined]
