"""What the Authorization header may say, where, and how often."""

import base64

import pytest
from django.test import Client as Browser

from tests.factories import PASSWORD, ClientFactory, secret_of
from tests.http import INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, TOKEN, Http

pytestmark = pytest.mark.django_db


@pytest.fixture
def http() -> Http:
    return Http(Browser(raise_request_exception=False))


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.standard("6750-05")
@pytest.mark.parametrize("path", ["/api/me/", SESSIONS])
@pytest.mark.parametrize(
    "header",
    ["Bearer {0},Bearer {0}", "Bearer {0}, Basic eDp5", "Basic eDp5, Bearer {0}", "Token x,bearer {0}"],
)
def test_two_authorization_headers_are_400(http: Http, ada, web, header, path):
    tokens = http.log_in(ada, web)

    answer = http.get(path, Authorization=header.format(tokens["access_token"]))

    assert answer.status_code == 400
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_request"'


@pytest.mark.parametrize("header", ["Bearer {0},", "Bearer {0}, x", "Bearer ,", "Bearer a,b"])
def test_a_comma_alone_makes_no_second_header(http: Http, ada, web, header):
    tokens = http.log_in(ada, web)

    answer = http.get(SESSIONS, Authorization=header.format(tokens["access_token"]))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_another_scheme_with_commas_is_just_another_scheme(http: Http, ada, web):
    answer = http.get(SESSIONS, Authorization='Digest username="bearer x", realm="y", nonce="z"')

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


@pytest.mark.parametrize("header", [basic("staging:pass"), "Basic !!!", "Basic", "Basic " + "A" * 3000])
def test_a_stale_basic_header_changes_nothing_where_none_is_read(http: Http, ada, web, header):
    login = {"username": "ada", "password": PASSWORD, "client_id": "web"}

    logged_in = http.post(LOGIN, login, Authorization=header)
    refreshed = http.post(
        REFRESH,
        {"refresh_token": logged_in.json()["refresh_token"], "client_id": "web"},
        Authorization=header,
    )

    assert (logged_in.status_code, refreshed.status_code) == (200, 200)


def test_a_public_client_may_come_by_basic_with_no_password(http: Http, ada, web):
    """RFC 6749 2.3.1"""
    tokens = http.log_in(ada, web)
    grant = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    refreshed = http.form(TOKEN, grant, Authorization=basic("web:"))
    revoked = http.form(REVOKE, {"token": refreshed.json()["refresh_token"]}, Authorization=basic("web:"))

    assert (refreshed.status_code, revoked.status_code) == (200, 200)


def test_a_confidential_client_needs_its_password(http: Http, ada):
    back = ClientFactory(client_id="back", confidential=True)
    tokens = http.log_in(ada, back, client_secret=secret_of(back))

    answer = http.form(
        TOKEN,
        {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        Authorization=basic("back:"),
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"] == 'Basic realm="api"'


@pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])
def test_basic_and_a_secret_in_the_body_are_one_too_many(http: Http, ada, path):
    """RFC 6749 2.3"""
    secret = secret_of(ClientFactory(client_id="back", confidential=True))
    body = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x", "client_secret": secret}

    answer = http.form(path, body, Authorization=basic(f"back:{secret}"))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
