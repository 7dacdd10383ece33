"""F07: whoever changes his own password stays logged in where he did it, and nowhere else (ASVS 7.4.3)."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.test import Client as Browser
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests import urls
from tests.factories import PASSWORD, UserFactory
from tests.guarantees.statements import steps_of
from tests.http import Http
from tokenauth.flows import keep
from tokenauth.models import AccountState, TokenEvent, TokenFamily
from tokenauth.models.event import EventKind

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

ME, CHANGE, CHANGE_WITHOUT_KEEP = "/api/me/", "/account/password/", "/account/password/alone/"
NEW = "a better horse"


class ChangePassword(APIView):
    """A site's own view, as the documentation tells it to be written."""

    def post(self, request: Request) -> Response:
        user = get_user_model().objects.get(pk=request.user.pk)
        with keep(request, user) as kept:
            user.set_password(request.data["password"])
            user.save()
        assert kept.pair is not None
        return Response({"access_token": kept.pair.access_token, "refresh_token": kept.pair.refresh_token})


class ChangePasswordWithoutKeep(APIView):
    """What a site writes that does not know the helper."""

    def post(self, request: Request) -> Response:
        user = get_user_model().objects.get(pk=request.user.pk)
        user.set_password(request.data["password"])
        user.save()
        return Response({})


urlpatterns = [
    *urls.urlpatterns,
    path("account/password/", ChangePassword.as_view()),
    path("account/password/alone/", ChangePasswordWithoutKeep.as_view()),
]


@pytest.fixture(params=[False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def transactions(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", request.param)


@pytest.fixture
def a(http: Http, ada, web) -> dict[str, Any]:
    return http.log_in(ada, web, device={"id": "A"})


@pytest.fixture
def b(http: Http, ada, web) -> dict[str, Any]:
    return http.log_in(ada, web, device={"id": "B"})


def change(http: Http, tokens: dict[str, Any], path: str = CHANGE) -> dict[str, Any]:
    answer = http.post(path, {"password": NEW}, bearer=tokens["access_token"])
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def is_accepted(http: Http, tokens: dict[str, Any], client: Any) -> tuple[int, int]:
    """The answers to both tokens of a pair, the access token's first."""
    me = http.get(ME, bearer=tokens["access_token"])
    return me.status_code, http.refresh(tokens, client).status_code


@pytest.mark.usefixtures("transactions")
def test_the_device_that_changed_it_goes_on_with_a_new_pair(http: Http, web, a, b):
    kept = change(http, a)

    assert is_accepted(http, kept, web) == (200, 200)
    assert TokenFamily.objects.get(pk=a["session_id"]).revoked_at is None


@pytest.mark.usefixtures("transactions")
def test_its_older_tokens_and_all_of_the_other_device_die(http: Http, web, a, b):
    older = a
    a = http.refresh(a, web).json()
    kept = change(http, a)

    assert [is_accepted(http, tokens, web) for tokens in (older, a, b)] == [(401, 400)] * 3
    assert not TokenEvent.objects.filter(kind=EventKind.REUSE).exists()
    assert is_accepted(http, kept, web) == (200, 200)


def test_the_new_password_is_the_one_that_logs_in(http: Http, ada, web, a):
    change(http, a)
    body = {"username": "ada", "client_id": "web"}

    assert http.post("/auth/login/", {**body, "password": PASSWORD}).status_code == 400
    assert http.post("/auth/login/", {**body, "password": NEW}).status_code == 200


def test_password_revocation_and_kept_family_are_one_commit(http: Http, ada, web, a, b):
    http.get(ME, bearer=a["access_token"])
    steps = steps_of(lambda: change(http, a))

    first = steps.index("COMMIT")
    writes = [place for place, step in enumerate(steps) if is_write(step)]
    tables = " ".join(steps[place] for place in writes)
    assert max(writes) < first
    for model in (type(ada), AccountState, TokenFamily, TokenEvent):
        assert model._meta.db_table in tables
    assert f"INSERT INTO {connection.ops.quote_name('tokenauth_revocationorder')}" in tables


def is_write(step: str) -> bool:
    """Whether a step writes what the change is made of; an order's number comes after the commit."""
    is_numbering = "tokenauth_plane" in step or ("tokenauth_revocationorder" in step and "UPDATE" in step)
    return step.startswith(("INSERT", "UPDATE", "WITH")) and not is_numbering


def test_after_an_operators_reset_in_the_admin_everything_dies(http: Http, ada, web, a, b):
    kept = change(http, a)
    operator = Browser()
    operator.force_login(UserFactory(username="root", is_staff=True, is_superuser=True))

    answer = operator.post(
        f"/admin/auth/user/{ada.pk}/password/",
        {"password1": "set-by-0perator", "password2": "set-by-0perator", "usable_password": "true"},
        secure=True,
    )

    assert answer.status_code == 302, answer.content
    assert [is_accepted(http, tokens, web) for tokens in (kept, a, b)] == [(401, 400)] * 3


@pytest.mark.usefixtures("transactions")
def test_without_the_helper_everything_dies(http: Http, web, a, b):
    change(http, a, CHANGE_WITHOUT_KEEP)

    assert [is_accepted(http, tokens, web) for tokens in (a, b)] == [(401, 400)] * 2
