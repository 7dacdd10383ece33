"""Guarantee 14: strangers write no row, and cost no SQL before a signature holds (DESIGN 6)."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import caches
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, TOKEN, Http
from tests.tokens.world import signed
from tokenauth.api.authentication import CACHE
from tokenauth.api.parameters import LARGEST_BODY
from tokenauth.flows.clients import USES
from tokenauth.models import TokenEvent
from tokenauth.policy.clients import DIRECTORY
from tokenauth.tokens import keys
from tokenauth.tokens.refresh import PREFIX

pytestmark = pytest.mark.django_db(transaction=True)

CONTINUE = f"{LOGIN}continue/"


@pytest.fixture
def http(settings) -> Http:
    """A process as in production: its mirror is fresh for a while, and nobody sets the limits aside."""
    settings.TOKENAUTH = {"ISSUER": "https://issuer.test", "MIRROR": "request", "STALENESS_BOUND": 60}
    return Http(Browser())


@pytest.fixture
def tokens(http: Http) -> dict[str, Any]:
    """A session whose requests this process has served: clients, keys and orders are loaded."""
    ada, web = UserFactory(username="ada"), ClientFactory(client_id="web")
    server = ClientFactory(client_id="res", resource=True, audiences=["https://issuer.test"])
    credentials = {"client_id": "res", "client_secret": secret_of(server)}
    made = http.log_in(ada, web)
    assert http.form(INTROSPECT, {"token": made["access_token"], **credentials}).json()["active"]
    http.get("/api/me/", bearer=made["access_token"])
    return {**made, "server": credentials}


def forgeries(tokens: dict[str, Any]) -> list[str]:
    """Whatever a stranger may show: no signature of it holds."""
    refresh, access = tokens["refresh_token"], tokens["access_token"]
    own = keys.access_key(keys.new_access_secret("ES256"))
    header, payload, _ = refresh.removeprefix(PREFIX).split(".")
    return [
        *("x", "garbage", PREFIX, f"{PREFIX}..", "a.b.c", "\x00", "é", "." * 2_000, "x" * 16_000),
        *(refresh[:-4] + "AAAA", access[:-4] + "AAAA", refresh + "A", refresh.removeprefix(PREFIX)),
        *(f"{PREFIX}{header}.{payload}.", f"{PREFIX}{header}.{payload[:-2]}AA.AAAA", PREFIX + access),
        signed({"sub": "1", "aud": "https://issuer.test"}, own).decode(),
    ]


def calls(http: Http, tokens: dict[str, Any], shown: str) -> dict[str, Callable[[], Any]]:
    """Every call that takes a token, with one that a stranger made up."""
    public, server = {"client_id": "web"}, tokens["server"]
    grant = {"grant_type": "refresh_token", "refresh_token": shown}
    header = shown if shown.isprintable() and shown.isascii() else "x"
    return {
        "refresh": lambda: http.post(REFRESH, {"refresh_token": shown, **public}),
        "token": lambda: http.form(TOKEN, {**grant, **public}),
        "revoke": lambda: http.form(REVOKE, {"token": shown, **public}),
        "introspect": lambda: http.form(INTROSPECT, {"token": shown, **server}),
        "continue": lambda: http.post(
            CONTINUE, {"challenge": shown, "method": "m", "response": "r", **public}
        ),
        "unknown client": lambda: http.post(REFRESH, {"refresh_token": shown, "client_id": "nobody"}),
        "wrong secret": lambda: http.form(REVOKE, {"token": shown, **server, "client_secret": "tks_wrong"}),
        "no introspection": lambda: http.form(INTROSPECT, {"token": shown, **public}),
        "a view": lambda: http.get("/api/me/", bearer=header),
        "sessions": lambda: http.get(SESSIONS, bearer=header),
        "devices": lambda: http.get(DEVICES, bearer=header),
        "end all": lambda: http.post(f"{SESSIONS}revoke-all/", {"password": PASSWORD}, bearer=header),
        "end one": lambda: http.delete(f"{SESSIONS}{tokens['session_id']}/", bearer=header),
    }


CALLS = [
    *("refresh", "token", "revoke", "introspect", "continue", "unknown client", "wrong secret"),
    *("no introspection", "a view", "sessions", "devices", "end all", "end one"),
]


@pytest.mark.parametrize("name", CALLS)
def test_no_statement_runs_before_a_signature_holds(http: Http, tokens, name):
    every = [calls(http, tokens, shown)[name] for shown in forgeries(tokens)]
    every[0]()
    # a resource server did authenticate: the use of its secret is written down, once an hour
    assert USES

    with CaptureQueriesContext(connection) as statements:
        answers = [call() for call in every]

    assert [sql for statement in statements if not is_the_sites_own(sql := statement["sql"], name)] == []
    assert {answer.status_code for answer in answers} <= {200, 400, 401}


def is_the_sites_own(sql: str, call: str) -> bool:
    """Whether it only opens or takes back the transaction that the site puts around a view of its own."""
    is_wrapped = connection.settings_dict["ATOMIC_REQUESTS"] and call == "a view"
    return is_wrapped and sql in {"BEGIN", "BEGIN IMMEDIATE", "ROLLBACK"}


def test_the_counting_would_notice(http: Http, tokens):
    with CaptureQueriesContext(connection) as statements:
        http.post(REFRESH, {"refresh_token": tokens["refresh_token"], "client_id": "web"})

    assert len(statements) > 0


def test_neither_does_a_request_that_cannot_be_read(http: Http, tokens):
    bodies = [b"{", b"[]", b"\xff", b'{"refresh_token": 1}', b"x" * (LARGEST_BODY + 1), b"[" * 50_000]
    paths = [LOGIN, CONTINUE, REFRESH, TOKEN, REVOKE, INTROSPECT]

    with CaptureQueriesContext(connection) as statements:
        answers = [
            http.browser.post(path, body, content_type=kind, secure=True)
            for path in paths
            for body in bodies
            for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain")
        ]

    assert len(statements) == 0
    assert {answer.status_code for answer in answers} <= {400, 401, 415}


def test_a_login_costs_no_statement_once_its_network_asked_too_often(http: Http, tokens, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_network": "3/hour"}}
    body = {"username": "nobody", "password": "wrong", "client_id": "web"}
    before = [http.post(LOGIN, body).status_code for _ in range(4)]

    with CaptureQueriesContext(connection) as statements:
        answer = http.post(LOGIN, {**body, "username": "ada", "password": PASSWORD})

    assert 429 in before
    assert (answer.status_code, len(statements)) == (429, 0)


# --- rows and bounds ----------------------------------------------------------------------------------


def rows() -> dict[str, int]:
    return {model.__name__: model._base_manager.count() for model in apps.get_models()}


def test_nothing_that_a_stranger_sends_leaves_a_row(http: Http, tokens):
    for name in CALLS:
        calls(http, tokens, "x")[name]()
    before = rows()

    for shown in forgeries(tokens):
        for name in CALLS:
            calls(http, tokens, shown)[name]()
    for place in range(20):
        body = {
            "username": f"nobody{place}",
            "password": "wrong",
            "client_id": "web",
            "device": {"id": f"d{place}"},
        }
        http.post(LOGIN, body)
        http.post(LOGIN, {**body, "client_id": f"client{place}"})
        http.post(LOGIN, {**body, "username": "ada"})

    assert rows() == before


def test_another_clients_token_leaves_one_row_an_hour_however_often_it_is_shown(http: Http, tokens):
    """Somebody who holds a token that is authentic is no stranger; even so he cannot fill the trail."""
    other = ClientFactory()
    DIRECTORY.forget()
    before = TokenEvent.objects.count()

    for _ in range(20):
        assert http.refresh(tokens, other).status_code == 400

    assert TokenEvent.objects.count() - before == 1


def test_what_strangers_show_is_not_remembered(http: Http, tokens):
    held = len(CACHE)

    for shown in forgeries(tokens):
        http.get("/api/me/", bearer=shown if shown.isprintable() and shown.isascii() else "x")

    assert len(CACHE) == held


def test_a_counter_has_a_bounded_key_that_ends(http: Http, tokens):
    http.post(LOGIN, {"username": "n" * 16_000, "password": "wrong", "client_id": "web"})
    cache = caches["default"]

    held = list(cache._cache)  # type: ignore[attr-defined]

    assert held
    assert max(map(len, held)) < 100
    assert all(cache._expire_info[key] is not None for key in held)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "shown",
    ["." * 60_000, PREFIX + "." * 60_000, "A" * 60_000, PREFIX + "A" * 60_000, "a.b.c" + "=" * 60_000],
    ids=["dots", "dots after the prefix", "letters", "letters after the prefix", "padding"],
)
def test_a_long_token_is_refused_before_it_is_looked_at(http: Http, tokens, shown):
    began = time.process_time()

    answer = http.post(REFRESH, {"refresh_token": shown, "client_id": "web"})

    assert (answer.status_code, answer.json()["error"]) in {(400, "invalid_request"), (400, "invalid_grant")}
    assert time.process_time() - began < 1


@pytest.mark.parametrize("path", [LOGIN, CONTINUE, REFRESH, TOKEN, REVOKE, INTROSPECT])
def test_a_body_over_the_limit_is_refused_by_its_length(http: Http, tokens, path):
    body = json.dumps({"refresh_token": "x" * LARGEST_BODY, "client_id": "web"})

    as_json = http.browser.post(path, body, content_type="application/json", secure=True)
    as_form = http.form(path, "token=" + "x" * LARGEST_BODY)

    assert {as_json.status_code, as_form.status_code} <= {400, 415}
    assert as_form.json()["error"] == "invalid_request"
