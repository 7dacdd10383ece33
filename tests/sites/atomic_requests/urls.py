"""The URLs of the site: a view of its own shows that its requests are transactions."""

from django.db import connections
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests import urls


class Transactions(APIView):
    """Which databases this request holds a transaction on."""

    def get(self, request: Request) -> Response:
        return Response([alias for alias in connections if connections[alias].in_atomic_block])


urlpatterns = [*urls.urlpatterns, path("api/transactions/", Transactions.as_view())]
