"""POST token/revoke/"""

import pytest

from tests.factories import ClientFactory, secret_of
from tests.http import REVOKE, SESSIONS, Http
from tokenauth.models import TokenEvent, TokenFamily
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db


def test_a_refresh_token_ends_its_session(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    answer = http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})

    assert answer.status_code == 200
    assert http.refresh(tokens, web).status_code == 400
    assert http.get(SESSIONS, bearer=tokens["access_token"]).status_code == 401


def test_an_access_token_ends_itself_only(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    http.form(REVOKE, {"token": tokens["access_token"], "client_id": "web"})

    assert http.get(SESSIONS, bearer=tokens["access_token"]).status_code == 401
    assert http.refresh(tokens, web).status_code == 200


def test_an_old_generation_ends_its_session_without_being_called_theft(http: Http, ada, web):
    first = http.log_in(ada, web)
    second = http.refresh(first, web).json()
    third = http.refresh(second, web).json()

    http.form(REVOKE, {"token": first["refresh_token"], "client_id": "web"})

    assert TokenFamily.objects.get().cause == "logged_out"
    assert http.refresh(third, web).status_code == 400
    assert not TokenEvent.objects.filter(kind=EventKind.REUSE).exists()


@pytest.mark.parametrize("token", ["garbage", "tkr_x.y.z", "a.b.c"])
def test_an_unknown_token_is_200_too(http: Http, web, token):
    answer = http.form(REVOKE, {"token": token, "client_id": "web", "token_type_hint": "nonsense"})

    assert answer.status_code == 200


def test_another_clients_token_stays_valid(http: Http, ada, web):
    other = ClientFactory(client_id="other")
    tokens = http.log_in(ada, web)

    answers = [
        http.form(REVOKE, {"token": tokens[name], "client_id": other.client_id})
        for name in ("refresh_token", "access_token")
    ]

    assert [(a.status_code, a.json()["error"]) for a in answers] == [(400, "invalid_grant")] * 2
    assert "reauthenticate" not in answers[0].json()
    assert http.get(SESSIONS, bearer=tokens["access_token"]).status_code == 200


def test_a_confidential_client_has_to_authenticate(http: Http, ada):
    backend = ClientFactory(client_id="backend", confidential=True)
    secret = secret_of(backend)
    tokens = http.log_in(ada, backend, client_secret=secret)

    answer = http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "backend"})

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert http.refresh(tokens, backend, client_secret=secret).status_code == 200


def test_the_token_must_be_there(http: Http, web):
    answer = http.form(REVOKE, {"client_id": "web"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
