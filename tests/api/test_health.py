"""GET health/"""

import pytest
from django.db import OperationalError

from tests.factories import UserFactory
from tests.http import Http
from tokenauth.revocation import source
from tokenauth.revocation.process import MIRROR

pytestmark = pytest.mark.django_db

HEALTH = "/auth/health/"


def test_a_stranger_learns_whether_the_process_is_ready_and_no_more(http: Http):
    answer = http.get(HEALTH)

    assert (answer.status_code, answer.json()) == (200, {"ready": True})


@pytest.mark.parametrize("bearer", ["garbage", "a.b.c"])
def test_a_stale_header_changes_nothing(http: Http, bearer):
    assert http.get(HEALTH, bearer=bearer).json() == {"ready": True}


def test_an_operator_sees_the_mirror_by_token_or_by_django_session(http: Http, admin_client, web):
    boss = UserFactory(is_superuser=True, is_staff=True)
    tokens = http.log_in(boss, web)

    by_token = http.get(HEALTH, bearer=tokens["access_token"]).json()
    by_session = admin_client.get(HEALTH, secure=True).json()

    assert set(by_token) == set(by_session) == {"ready", "mirror", "processes", "overdue"}
    assert set(by_token["mirror"]) == {"age", "number"}
    assert by_token["processes"] == {"seen": 0, "fresh": 0}


@pytest.mark.django_db(transaction=True)
def test_a_process_that_cannot_tell_what_was_revoked_is_not_ready(http: Http, settings, monkeypatch):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "START_TIMEOUT": 0.1}
    MIRROR.forget()

    def fail(*args, **kwargs):
        raise OperationalError("no route to host")

    monkeypatch.setattr(source, "ask", fail)

    answer = http.get(HEALTH)

    assert (answer.status_code, answer.json()) == (503, {"ready": False})
