"""Permissions by scope and audience, alone and composed as DRF's own are."""

import pytest
from django.test import RequestFactory
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import BasePermission, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.factories import ClientFactory, UserFactory
from tests.sessions import log_in
from tokenauth.api.authentication import TokenAuthentication
from tokenauth.api.permissions import requires_audience, requires_scope

pytestmark = pytest.mark.django_db

READ, WRITE = requires_scope("orders:read"), requires_scope("orders:write")
CHALLENGE = 'Bearer realm="api", error="insufficient_scope", scope="orders:write"'


class SeveralAudiences(TokenAuthentication):
    audiences = ("https://orders.test", "https://issuer.test")


class Never(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


def call(*permissions, token: str = "", user=None, authenticators=(TokenAuthentication,)):
    class View(APIView):
        authentication_classes = authenticators
        permission_classes = permissions

        def get(self, request: Request) -> Response:
            return Response({})

    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
    request = RequestFactory().get("/", secure=True, **headers)
    if user is not None:
        request.user = user
    return View.as_view()(request).render()


@pytest.fixture
def reader() -> str:
    return log_in(client=ClientFactory(scopes=["orders:read"])).pair.access_token


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        ([READ], 200),
        ([WRITE], 403),
        ([READ | WRITE], 200),
        ([WRITE | READ], 200),
        ([WRITE | IsAuthenticated], 200),
        ([IsAuthenticated & READ], 200),
        ([READ & WRITE], 403),
        ([~WRITE], 200),
        ([~READ], 403),
        ([WRITE | Never], 403),
        ([READ, WRITE], 403),
        ([requires_scope("orders:read", "orders:write")], 403),
        ([requires_scope("orders:read orders:write")], 403),
    ],
)
def test_scopes_compose(reader, permissions, status):
    answer = call(*permissions, token=reader)

    assert answer.status_code == status


def test_the_refusal_names_what_is_missing(reader):
    assert call(WRITE, token=reader)["WWW-Authenticate"] == CHALLENGE
    assert call(WRITE | Never, token=reader)["WWW-Authenticate"] == CHALLENGE
    assert not call(WRITE | READ, token=reader).has_header("WWW-Authenticate")


@pytest.mark.parametrize("permissions", [[READ], [READ | WRITE], [IsAuthenticated, READ]])
def test_without_a_token_the_answer_is_401(permissions):
    answer = call(*permissions)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


@pytest.mark.parametrize(
    "authenticators",
    [(TokenAuthentication, SessionAuthentication), (SessionAuthentication, TokenAuthentication)],
)
def test_a_user_who_is_logged_in_otherwise_is_asked_for_a_token(authenticators):
    answer = call(READ, user=UserFactory(), authenticators=authenticators)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_a_user_who_is_logged_in_otherwise_may_be_let_in_by_another_permission():
    staff = UserFactory(is_staff=True)

    answer = call(READ | IsAdminUser, user=staff, authenticators=(SessionAuthentication, TokenAuthentication))

    assert answer.status_code == 200


def test_a_function_view_refuses_alike(reader):
    @api_view(["GET"])
    @authentication_classes([TokenAuthentication])
    @permission_classes([WRITE])
    def view(request: Request) -> Response:
        return Response({})

    request = RequestFactory().get("/", secure=True, HTTP_AUTHORIZATION=f"Bearer {reader}")

    assert view(request)["WWW-Authenticate"] == CHALLENGE


def test_an_audience_lets_in_or_is_answered_as_a_token_for_somebody_else():
    client = ClientFactory(audiences=["https://orders.test"])
    orders = log_in(client=client, audience=("https://orders.test",)).pair.access_token
    own = log_in().pair.access_token
    permission = requires_audience("https://orders.test")

    let_in = call(permission, token=orders, authenticators=(SeveralAudiences,))
    refused = call(permission, token=own, authenticators=(SeveralAudiences,))
    composed = call(permission | IsAuthenticated, token=own, authenticators=(SeveralAudiences,))

    assert (let_in.status_code, composed.status_code) == (200, 200)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (
        401,
        'Bearer realm="api", error="invalid_token"',
    )
