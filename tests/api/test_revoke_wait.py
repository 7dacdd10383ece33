"""POST token/revoke/?wait=: who may learn how many processes refuse a token."""

import uuid

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories import ClientFactory, secret_of
from tests.http import REVOKE, Http
from tokenauth.api.views import until_applied
from tokenauth.models import MirrorProcess, TokenFamily, process
from tokenauth.revocation import source

pytestmark = pytest.mark.django_db

HOST = "web1-internal"


@pytest.fixture
def silent() -> None:
    """A process that is there and says nothing more."""
    source.make_plane(connection)
    row = MirrorProcess(id=uuid.uuid4(), host=HOST, pid=7, started_at=timezone.now())
    process.report(connection, row)


@pytest.fixture
def backend() -> tuple[str, str]:
    """A client with a secret."""
    client = ClientFactory(client_id="backend", confidential=True)
    return client, secret_of(client)


def handed_back(http: Http, token: str, client, secret: str = "", query: str = "?wait=0.1"):
    form = {"token": token, "client_id": client.client_id}
    return http.form(REVOKE + query, {**form, "client_secret": secret} if secret else form)


def logged_in(http: Http, user, client, secret: str = ""):
    more = {"client_secret": secret} if secret else {}
    return http.log_in(user, client, **more)["refresh_token"]


def test_a_client_with_a_secret_is_told_how_many_and_never_which(http, ada, backend, silent):
    answer = handed_back(http, logged_in(http, ada, *backend), *backend)

    assert answer.status_code == 200
    assert set(answer.json()["applied"]) == {"by", "of", "seconds"}
    assert (answer.json()["applied"]["by"], answer.json()["applied"]["of"]) == (0, 1)
    assert HOST not in answer.content.decode()


def test_a_public_client_revokes_and_is_told_nothing(http, ada, web, silent):
    answer = handed_back(http, logged_in(http, ada, web), web)

    assert (answer.status_code, answer.json()) == (200, {})
    assert TokenFamily.objects.get().revoked_at is not None


def test_without_wait_nobody_waits(http, ada, backend, silent):
    assert handed_back(http, logged_in(http, ada, *backend), *backend, query="").json() == {}


def test_for_what_is_unknown_nobody_waits(http, backend, silent):
    assert handed_back(http, "garbage", *backend).json() == {}


def test_one_request_of_a_process_waits_and_the_next_is_answered_at_once(http, ada, backend, silent):
    token = logged_in(http, ada, *backend)

    with until_applied._PLACES:
        answer = handed_back(http, token, *backend)

    assert (answer.status_code, answer.json()) == (200, {})
    assert TokenFamily.objects.get().revoked_at is not None
    assert until_applied._PLACES.acquire(blocking=False)  # given back after each
    until_applied._PLACES.release()


@pytest.mark.parametrize("wait", ["5.1", "-1", "nan", "1e3", "inf", "\u0661", "0.0001", "1,5", " 1", "6"])
def test_any_other_patience_is_no_request_and_revokes_nothing(http, ada, backend, wait):
    token = logged_in(http, ada, *backend)

    answer = handed_back(http, token, *backend, query=f"?wait={wait}")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert TokenFamily.objects.get().revoked_at is None


def test_it_may_be_asked_once(http, ada, backend):
    answer = handed_back(http, logged_in(http, ada, *backend), *backend, query="?wait=1&wait=1")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("wait", ["", "0"])
def test_an_empty_one_counts_as_absent(http, ada, backend, silent, wait):
    answer = handed_back(http, logged_in(http, ada, *backend), *backend, query=f"?wait={wait}")

    assert (answer.status_code, answer.json()) == (200, {})
