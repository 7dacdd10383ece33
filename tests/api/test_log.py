"""The log tells causes apart, and finds a request by the id that its client knows."""

import logging

import pytest

from tests.factories import PASSWORD, ClientFactory, secret_of
from tests.http import INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, Http

pytestmark = pytest.mark.django_db

ID = "find-me.1"


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, logger="tokenauth.security")

    def of(what: str) -> list[dict]:
        facts = [record.tokenauth for record in caplog.records if record.name == "tokenauth.security"]
        return [fact for fact in facts if fact["what"] == what]

    of.text = caplog
    return of


def login(**changes):
    return {"username": "ada", "password": PASSWORD, "client_id": "web", **changes}


@pytest.mark.parametrize(
    ("client_id", "cause"),
    [("nobody", "client_unknown"), ("back", "client_secret"), ("off", "client_disabled")],
)
def test_a_client_that_fails_leaves_its_cause(http: Http, ada, lines, client_id, cause):
    secret_of(ClientFactory(client_id="back", confidential=True))
    ClientFactory(client_id="off", disabled_at="2026-01-01T00:00:00Z")

    calls = [
        lambda: http.post(LOGIN, login(client_id=client_id), X_Request_ID=ID),
        lambda: http.post(REFRESH, {"refresh_token": "x", "client_id": client_id}, X_Request_ID=ID),
        lambda: http.form(REVOKE, {"token": "x", "client_id": client_id}, X_Request_ID=ID),
        lambda: http.form(INTROSPECT, {"token": "x", "client_id": client_id}, X_Request_ID=ID),
    ]
    answers = [call() for call in calls]

    assert {answer.status_code for answer in answers} == {401}
    assert [(fact["cause"], fact["client"], fact["request_id"]) for fact in lines("client_refused")] == [
        (cause, client_id, ID)
    ] * 4


def test_what_cannot_be_read_leaves_its_cause(http: Http, lines):
    http.form(REVOKE, "token=x&token=y", X_Request_ID=ID)
    http.post(LOGIN, {"username": 5}, X_Request_ID=ID)

    assert [(fact["cause"], fact["path"]) for fact in lines("request_refused")] == [
        ("repeated_parameter", REVOKE),
        ("malformed", LOGIN),
    ]


def test_another_clients_token_leaves_its_cause(http: Http, ada, web, lines):
    other = ClientFactory()
    tokens = http.log_in(ada, web)

    http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": other.client_id})

    assert [(f["cause"], f["client"]) for f in lines("revocation_refused")] == [("binding", other.client_id)]


def test_a_throttled_network_leaves_a_line(http: Http, ada, web, lines, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"refresh_network": "1/minute"}}
    tokens = http.log_in(ada, web)
    http.refresh(tokens, web)

    assert http.refresh(tokens, web).status_code == 429
    assert [fact["cause"] for fact in lines("refresh_refused")] == ["throttled"]


def test_an_old_login_leaves_a_line(http: Http, ada, web, lines, clock):
    tokens = http.log_in(ada, web)
    clock.shift(3_600)
    tokens = http.refresh(tokens, web).json()

    http.post(f"{SESSIONS}revoke-all/", {}, bearer=tokens["access_token"])

    assert [fact["cause"] for fact in lines("account_refused")] == ["old_login"]


@pytest.mark.parametrize("path", ["/api/me/", SESSIONS])
@pytest.mark.parametrize("bearer", ["x", "a b", "a.b.c"])
def test_a_refused_token_is_found_by_its_request_id(http: Http, lines, path, bearer):
    http.get(path, bearer=bearer, X_Request_ID=ID)

    assert [fact["request_id"] for fact in lines("token_refused")] == [ID]


def test_a_failed_login_is_found_by_its_request_id(http: Http, ada, web, lines):
    answer = http.post(LOGIN, login(password="wrong"), X_Request_ID=ID)
    made = http.post(LOGIN, login(password="wrong"))

    assert answer["X-Request-ID"] == ID
    assert [fact["request_id"] for fact in lines("login_refused")] == [ID, made["X-Request-ID"]]
    assert f"request_id={ID}" in lines.text.text


def test_an_id_that_is_none_never_reaches_the_log(http: Http, ada, web, lines):
    answer = http.post(LOGIN, login(password="wrong"), X_Request_ID="a b\tcause=forged")

    assert "forged" not in lines.text.text
    assert lines("login_refused")[0]["request_id"] == answer["X-Request-ID"]


def test_no_request_inherits_the_id_of_another(http: Http, ada, web, lines):
    http.post(LOGIN, login(), X_Request_ID=ID)

    http.get("/api/me/", bearer="x")

    assert [fact["request_id"] for fact in lines("token_refused")] == [None]
