"""Protected views for the tests: one that any token opens, one that needs a scope."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tokenauth.api.permissions import requires_scope


class Me(APIView):
    def get(self, request: Request) -> Response:
        return Response({"user": request.user.pk})


class Orders(APIView):
    permission_classes = [requires_scope("orders:read")]

    def get(self, request: Request) -> Response:
        return Response({"orders": []})
