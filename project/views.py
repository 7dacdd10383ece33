"""The example site's own pages: one for people, two that only a token opens."""

from typing import Any

from django.conf import settings
from django.views.generic import TemplateView
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tokenauth.api.permissions import requires_scope

ME = inline_serializer("Me", {"id": serializers.IntegerField(), "username": serializers.CharField()})
ORDER = inline_serializer(
    "Order", {"id": serializers.IntegerField(), "item": serializers.CharField()}, many=True
)
ORDER_LIST = inline_serializer("OrderList", {"orders": ORDER})
ACCEPTED = inline_serializer("Accepted", {"accepted": serializers.BooleanField()})

ORDERS = [{"id": 1, "item": "tea"}, {"id": 2, "item": "biscuits"}]


class Index(TemplateView):
    template_name = "site/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(base_url=settings.BASE_URL, **kwargs)


class Me(APIView):
    """Who the token speaks for; any valid token opens it."""

    @extend_schema(tags=["Example"], summary="Who the token speaks for", responses=ME)
    def get(self, request: Request) -> Response:
        return Response({"id": request.user.pk, "username": request.user.get_username()})


class Orders(APIView):
    """Reading and writing need a scope each."""

    def get_permissions(self) -> list[BasePermission]:
        scope = "orders:write" if self.request.method == "POST" else "orders:read"
        return [requires_scope(scope)()]

    @extend_schema(tags=["Example"], summary="Read; needs `orders:read`", responses=ORDER_LIST)
    def get(self, request: Request) -> Response:
        return Response({"orders": ORDERS})

    @extend_schema(
        tags=["Example"], summary="Write; needs `orders:write`", request=None, responses={201: ACCEPTED}
    )
    def post(self, request: Request) -> Response:
        return Response({"accepted": True}, status=status.HTTP_201_CREATED)
