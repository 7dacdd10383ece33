"""The authentication class on a site's own views."""

import pickle

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.factories import ClientFactory
from tests.sessions import log_in
from tokenauth.api.authentication import CACHE, TokenAuthentication
from tokenauth.api.permissions import requires_scope
from tokenauth.flows import revoke
from tokenauth.models import users
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)


class Protected(APIView):
    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        return Response({"pk": request.user.pk})


class Named(Protected):
    def get(self, request: Request) -> Response:
        return Response({"username": request.user.username, "email": request.user.email})


class Orders(Protected):
    permission_classes = (requires_scope("orders:write"),)


def call(view, token: str | None, **extra):
    headers = {"HTTP_AUTHORIZATION": token} if token is not None else {}
    request = RequestFactory().get("/", secure=True, **headers, **extra)
    return view.as_view()(request).render()


@pytest.fixture
def polled(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "STALENESS_BOUND": 60}


def test_a_valid_token_costs_no_query(polled):
    session = log_in()
    assert call(Protected, f"Bearer {session.pair.access_token}").status_code == 200

    with CaptureQueriesContext(connection) as queries:
        answer = call(Protected, f"Bearer {session.pair.access_token}")

    assert answer.data == {"pk": session.user.pk}
    assert len(queries) == 0


def test_more_than_the_key_costs_one_query(polled):
    session = log_in()
    call(Protected, f"Bearer {session.pair.access_token}")

    with CaptureQueriesContext(connection) as queries:
        answer = call(Named, f"Bearer {session.pair.access_token}")

    assert answer.data["username"] == session.user.get_username()
    assert len(queries) == 1


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_not_case_sensitive(scheme):
    session = log_in()

    assert call(Protected, f"{scheme} {session.pair.access_token}").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x y", "Bearer é", "Bearer a.b.c", "Bearer " + "x" * 100_000, "Bearer ."],
    ids=["nothing", "a space", "two", "not ascii", "three parts", "huge", "a dot"],
)
def test_what_is_no_token_is_401_invalid_token(header):
    answer = call(Protected, header)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@pytest.mark.parametrize("header", [None, "Basic dXNlcjpwdw==", "Token abc"])
def test_without_a_bearer_token_the_challenge_names_no_error(header):
    answer = call(Protected, header)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_expired_revoked_and_forged_are_one_answer(clock):
    expired, revoked = log_in(), log_in()
    revoke(OfUser(users.key_of(revoked.user)))
    forged = revoked.pair.access_token[:-4] + "AAAA"
    second = call(Protected, f"Bearer {revoked.pair.access_token}")
    third = call(Protected, f"Bearer {forged}")
    clock.shift(311)
    first = call(Protected, f"Bearer {expired.pair.access_token}")

    answers = [first, second, third]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer["WWW-Authenticate"] for answer in answers}) == 1


def test_a_token_seen_before_dies_with_its_expiry(clock):
    session = log_in()
    assert call(Protected, f"Bearer {session.pair.access_token}").status_code == 200

    clock.shift(311)

    assert call(Protected, f"Bearer {session.pair.access_token}").status_code == 401


def test_no_token_is_readable_in_the_cache():
    session = log_in()
    call(Protected, f"Bearer {session.pair.access_token}")

    assert len(CACHE) == 1
    assert session.pair.access_token not in repr(vars(CACHE))


def test_a_missing_scope_is_403_and_names_what_is_needed():
    session = log_in(client=ClientFactory(scopes=["orders:read"]))

    answer = call(Orders, f"Bearer {session.pair.access_token}")

    assert answer.status_code == 403
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", scope="orders:write"'
    )


def test_a_scope_that_is_there_lets_in():
    assert call(Orders, f"Bearer {log_in().pair.access_token}").status_code == 200


def test_a_scope_is_asked_of_a_token_only():
    assert call(Orders, None).status_code == 401


def test_plain_http_is_refused():
    session = log_in()
    request = RequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {session.pair.access_token}")

    assert Protected.as_view()(request).status_code == 401


def test_a_token_for_another_audience_is_refused():
    client = ClientFactory(audiences=["https://orders.test"])
    session = log_in(client=client, audience=("https://orders.test",))

    assert call(Protected, f"Bearer {session.pair.access_token}").status_code == 401


def test_a_user_who_is_gone_is_401_and_not_500(settings):
    session = log_in()
    get_user_model().objects.filter(pk=session.user.pk).delete()

    assert call(Named, f"Bearer {session.pair.access_token}").status_code == 401


class TestTheUserOfAToken:
    @pytest.fixture
    def user(self):
        session = log_in()
        request = Request(
            RequestFactory().get("/", secure=True, HTTP_AUTHORIZATION=f"Bearer {session.pair.access_token}"),
            authenticators=[TokenAuthentication()],
        )
        return request.user, session.user

    def test_is_a_user_to_isinstance(self, user):
        lazy, _ = user
        assert isinstance(lazy, get_user_model())
        assert lazy.is_authenticated
        assert not lazy.is_anonymous

    def test_is_equal_both_ways(self, user):
        lazy, real = user
        assert lazy == real
        assert real == lazy
        assert hash(lazy) == hash(real)

    def test_can_be_filtered_by(self, user):
        lazy, real = user
        entry = LogEntry.objects.create(user=real, object_repr="x", action_flag=ADDITION)
        assert LogEntry.objects.get(user=lazy) == entry
        assert get_user_model().objects.get(pk=lazy.pk) == real

    def test_can_be_assigned_to_a_foreign_key(self, user):
        lazy, real = user
        entry = LogEntry.objects.create(user=lazy, object_repr="x", action_flag=ADDITION)
        assert LogEntry.objects.get(pk=entry.pk).user == real

    def test_survives_pickling(self, user):
        lazy, real = user
        assert pickle.loads(pickle.dumps(lazy)) == real

    def test_keeps_what_is_set_on_it(self, user):
        lazy, _ = user
        lazy.email = "new@example.test"
        lazy.save()
        assert get_user_model().objects.get(pk=lazy.pk).email == "new@example.test"
