"""knox's own views, its documentation's login by name and password, and the view that does nothing."""

from typing import Any

from django.urls import path
from knox.views import LoginView, LogoutAllView
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from benchmarks.sites.views import urlpatterns as trivial


class PasswordLogin(LoginView):
    """As django-rest-knox documents it, but for the session that it also opens."""

    authentication_classes: Any = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request, format: Any = None) -> Response:
        serializer = AuthTokenSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        request.user = serializer.validated_data["user"]
        return super().post(request, format=None)


urlpatterns = [
    *trivial,
    path("login/", PasswordLogin.as_view()),
    path("logoutall/", LogoutAllView.as_view()),
]
