"""A database that is out is a flat 503 that may be sent again, at every endpoint."""

from contextlib import contextmanager

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.test import Client as Browser

from tests.factories import PASSWORD, ClientFactory, secret_of
from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, Http
from tokenauth.api.authentication import CACHE
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def out(error):
    """Every statement fails but the mirror's own question."""

    def execute_or_fail(execute, sql, params, many, context):
        if "tokenauth_plane" in sql.lower() or "tokenauth_revocationorder" in sql.lower():
            return execute(sql, params, many, context)
        raise error("the server closed the connection: secret=hunter2")

    with connection.execute_wrapper(execute_or_fail):
        yield


def test_a_process_that_has_no_keys_yet_cannot_tell_who_may_enter(ada, web):
    # a worker that is forked while the database is out, and one that has just heard of a killed key
    http = Http(Browser(raise_request_exception=False))
    bearer = http.log_in(ada, web)["access_token"]
    CACHE.clear()
    KEYRING.forget()

    with out(OperationalError):
        answer = http.get("/api/me/", bearer=bearer)

    assert (answer.status_code, answer.get("Retry-After")) == (503, "1")
    assert http.get("/api/me/", bearer=bearer).status_code == 200


CALLS = ["login", "refresh", "revoke", "introspect", "sessions", "devices", "revoke-others", "name a device"]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("error", [OperationalError, InterfaceError, DatabaseError])
def test_every_endpoint_says_503_and_when_to_come_back(ada, web, name, error):
    http = Http(Browser(raise_request_exception=False))
    tokens = http.log_in(ada, web)
    bearer = tokens["access_token"]
    server = {
        "client_id": "res",
        "client_secret": secret_of(
            ClientFactory(client_id="res", resource=True, audiences=["https://issuer.test"])
        ),
    }
    calls = {
        "login": lambda: http.post(LOGIN, {"username": "ada", "password": PASSWORD, "client_id": "web"}),
        "refresh": lambda: http.post(REFRESH, {"refresh_token": tokens["refresh_token"], "client_id": "web"}),
        "revoke": lambda: http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"}),
        "introspect": lambda: http.form(INTROSPECT, {"token": bearer, **server}),
        "sessions": lambda: http.get(SESSIONS, bearer=bearer),
        "devices": lambda: http.get(DEVICES, bearer=bearer),
        "revoke-others": lambda: http.post(f"{SESSIONS}revoke-others/", {}, bearer=bearer),
        "name a device": lambda: http.patch(f"{DEVICES}{tokens['device_id']}/", {"name": "x"}, bearer=bearer),
    }

    with out(error):
        answer = calls[name]()

    assert (answer.status_code, answer.get("Retry-After")) == (503, "1")
    assert answer.json() == {
        "error": "temporarily_unavailable",
        "error_description": "Try again later.",
    }
    assert calls[name]().status_code == 200
