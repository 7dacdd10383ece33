"""The site's own API: written as cookiecutter-django's, with an exception handler of its own."""

from typing import Any

from django.contrib.auth.models import Group
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from tokenauth.api.permissions import NotImpersonated


def in_an_envelope(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer errors in the envelope that this site's clients know."""
    response = exception_handler(exc, context)
    if response is not None:
        response.data = {"errors": response.data}
    return response


class Me(APIView):
    @extend_schema(responses=dict)
    def get(self, request: Request) -> Response:
        return Response({"user": request.user.pk, "by": _authenticated_by(request)})


class Payments(APIView):
    """What only the user may do."""

    permission_classes = [IsAuthenticated, NotImpersonated]

    @extend_schema(responses=dict)
    def get(self, request: Request) -> Response:
        return Response({"payments": []})


class WritesAndRefuses(APIView):
    """Shows that a refused request is rolled back on this site."""

    @extend_schema(responses=dict)
    def get(self, request: Request) -> Response:
        Group.objects.create(name="written before the refusal")
        raise PermissionDenied


def _authenticated_by(request: Request) -> str:
    return type(request.successful_authenticator).__module__
