"""F12: a site with ATOMIC_REQUESTS, whose transaction DRF rolls back with every exception it answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_login_failed
from django.core.management import call_command
from django.db import connection, connections
from django.urls import path
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests import urls
from tests.factories import ClientFactory, secret_of
from tests.http import DEVICES, LOGIN, REFRESH, REVOKE, SESSIONS, Http
from tokenauth.models import RevocationOrder, TokenEvent, TokenFamily
from tokenauth.models.event import EventKind

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

ME = "/api/me/"


class WritesAndRefuses(APIView):
    """A site's view that shows that the setting is on."""

    def get(self, request: Request) -> Response:
        Group.objects.create(name="written before the refusal")
        raise PermissionDenied


urlpatterns = [*urls.urlpatterns, path("api/refuses/", WritesAndRefuses.as_view())]


@pytest.fixture(autouse=True)
def atomic_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)


@pytest.fixture
def counted_in_the_database(settings) -> Iterator[None]:
    """Limits are counted in a cache whose rows a rolled back request would take along."""
    backend = "django.core.cache.backends.db.DatabaseCache"
    settings.CACHES = {**settings.CACHES, "limits": {"BACKEND": backend, "LOCATION": "limits_of_f12"}}
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS_CACHE": "limits"}
    call_command("createcachetable", "limits_of_f12", verbosity=0)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE limits_of_f12")


@pytest.fixture
def axes() -> Iterator[None]:
    """Another app that keeps a row of each failed login."""

    def keep(sender: Any, **kwargs: Any) -> None:
        Group.objects.create(name="a failed login")

    user_login_failed.connect(keep)
    yield
    user_login_failed.disconnect(keep)


def limited(settings: Any, **limits: Any) -> None:
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "LIMITS": {**settings.TOKENAUTH["LIMITS"], **limits},
    }


def test_the_setting_is_on(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    assert http.get("/api/refuses/", bearer=tokens["access_token"]).status_code == 403
    assert not Group.objects.exists()


def test_reuse_outside_the_window_ends_the_family_for_good(http: Http, ada, web, clock):
    stolen = http.log_in(ada, web)
    tokens = http.refresh(stolen, web).json()
    tokens = http.refresh(tokens, web).json()
    clock.shift(60)

    answer = http.refresh(stolen, web)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    family = TokenFamily.objects.get()
    assert (family.cause, family.revoked_at is None) == ("reuse", False)
    assert TokenEvent.objects.filter(kind=EventKind.REUSE, family=family.pk).count() == 1
    assert RevocationOrder.objects.filter(key=str(family.pk)).exists()
    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
    assert http.refresh(tokens, web).status_code == 400


def test_a_wrong_device_ends_the_family_for_good(http: Http, ada, web):
    tokens = http.log_in(ada, web, device={"id": "laptop"})

    answer = http.refresh(tokens, web, device_id="phone")

    assert answer.status_code == 400
    assert TokenFamily.objects.get().cause == "binding"


def test_a_token_in_another_clients_name_is_in_the_trail(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    assert http.refresh(tokens, ClientFactory()).status_code == 400
    assert TokenEvent.objects.filter(kind=EventKind.BINDING_REFUSED).count() == 1


def test_a_wrong_client_secret_consumes_nothing_and_ends_nothing(http: Http, ada):
    backend = ClientFactory(client_id="backend", confidential=True)
    secret = secret_of(backend)
    tokens = http.log_in(ada, backend, client_secret=secret)

    answer = http.refresh(tokens, backend, client_secret="tks_wrong")

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert http.refresh(tokens, backend, client_secret=secret).status_code == 200


@pytest.mark.usefixtures("axes")
def test_what_is_written_of_a_wrong_password_stays(http: Http, ada, web):
    answer = http.post(LOGIN, {"username": "ada", "password": "wrong", "client_id": "web"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert Group.objects.filter(name="a failed login").count() == 1


@pytest.mark.usefixtures("counted_in_the_database")
def test_wrong_passwords_are_counted(http: Http, ada, web, settings):
    limited(settings, login_failures=2)
    for _ in range(2):
        http.post(LOGIN, {"username": "ada", "password": "wrong", "client_id": "web"})

    right = {"username": "ada", "password": "correct horse battery staple", "client_id": "web"}

    assert http.post(LOGIN, right).status_code == 400


@pytest.mark.usefixtures("counted_in_the_database")
def test_a_throttled_refresh_consumes_nothing_and_the_next_one_is_throttled_too(
    http: Http, ada, web, settings, clock
):
    limited(settings, refresh_family="1/minute")
    tokens = http.refresh(http.log_in(ada, web), web).json()

    answers = [http.refresh(tokens, web) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [429, 429]
    assert TokenFamily.objects.get().generation == 1
    clock.shift(60)
    assert http.refresh(tokens, web).status_code == 200


@pytest.mark.usefixtures("counted_in_the_database")
def test_throttled_requests_are_counted_before_they_are_refused(http: Http, web, settings):
    limited(settings, refresh_network="2/minute")
    garbage = {"refresh_token": "garbage", "client_id": "web"}

    answers = [http.post(REFRESH, garbage).status_code for _ in range(4)]

    assert answers == [400, 400, 429, 429]


def test_what_the_user_ends_himself_is_ended(http: Http, ada, web):
    device, other, own = (http.log_in(ada, web, device={"id": name}) for name in ("lost", "other", "own"))
    own_token = own["access_token"]

    lost = http.post(f"{DEVICES}{device['device_id']}/revoke/", {"reason": "lost"}, bearer=own_token)
    ended = http.delete(f"{SESSIONS}{other['session_id']}/", bearer=own_token)
    handed_back = http.form(REVOKE, {"token": own["refresh_token"], "client_id": "web"})

    assert (lost.status_code, ended.status_code, handed_back.status_code) == (200, 204, 200)
    for tokens in (device, other, own):
        assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
        assert http.refresh(tokens, web).status_code == 400


def test_no_endpoint_runs_in_the_requests_transaction(http: Http, ada, web):
    seen = []

    def note(sender: Any, **kwargs: Any) -> None:
        seen.append(connection.in_atomic_block)

    user_login_failed.connect(note)
    try:
        http.post(LOGIN, {"username": "ada", "password": "wrong", "client_id": "web"})
    finally:
        user_login_failed.disconnect(note)

    assert seen == [False]
