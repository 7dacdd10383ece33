"""The site's own API: written as cookiecutter-django's, with an exception handler of its own."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from tokenauth.api.permissions import NotImpersonated
from tokenauth.api.views.answers import token_response
from tokenauth.flows import keep


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


class Password(APIView):
    """One's own password, changed beside allauth."""

    @extend_schema(request=dict, responses=dict)
    def post(self, request: Request) -> Response:
        user = get_user_model().objects.get(pk=request.user.pk)
        with keep(request, user) as kept:
            user.set_password(request.data["new"])
            user.save()
        return Response(status=204) if kept.pair is None else token_response(kept.pair)


class WritesAndRefuses(APIView):
    """Shows that a refused request is rolled back on this site."""

    @extend_schema(responses=dict)
    def get(self, request: Request) -> Response:
        Group.objects.create(name="written before the refusal")
        raise PermissionDenied


def _authenticated_by(request: Request) -> str:
    return type(request.successful_authenticator).__module__
