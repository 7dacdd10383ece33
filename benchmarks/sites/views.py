"""A view that does nothing, open and protected."""

from types import SimpleNamespace
from typing import Any

from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

_SOMEBODY = SimpleNamespace(is_authenticated=True, pk=1)


class LetsAllIn(BaseAuthentication):
    """An authentication class that does nothing."""

    def authenticate(self, request: Request) -> tuple[Any, None]:
        return _SOMEBODY, None


class Trivial(APIView):
    """Protected by the site's default authentication class."""

    def get(self, request: Request) -> Response:
        return Response({"ok": True})


class Open(Trivial):
    """The same for everybody."""

    authentication_classes = [LetsAllIn]


urlpatterns = [path("open/", Open.as_view()), path("protected/", Trivial.as_view())]
