"""Guarantee 15: nobody learns from an answer who exists or why he was refused (DESIGN 6)."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, TOKEN, Http
from tests.standards.forgery import forged, signed
from tokenauth.flows import revoke
from tokenauth.flows.challenge import Challenge
from tokenauth.models import Device, TokenFamily
from tokenauth.revocation.subjects import OfClient, OfFamily
from tokenauth.tokens.refresh import PREFIX

pytestmark = pytest.mark.django_db

CONTINUE = f"{LOGIN}continue/"
#: What differs between any two answers: by it a request is found in the log, and it is made by chance.
BY_CHANCE = {"x-request-id", "date"}


@dataclass(frozen=True)
class Seen:
    """All that a stranger sees of an answer."""

    status: int
    body: bytes
    length: int
    headers: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, answer: Any) -> "Seen":
        kept = {(name, value) for name, value in answer.headers.items() if name.lower() not in BY_CHANCE}
        return cls(answer.status_code, answer.content, len(answer.content), frozenset(kept))


def all_alike(answers: Iterable[Any]) -> Seen:
    """What every one of them looks like."""
    seen = {Seen.of(answer) for answer in answers}
    assert len(seen) == 1, seen
    return seen.pop()


@pytest.fixture
def http() -> Http:
    return Http(Browser())


@pytest.fixture
def ada(http: Http) -> Any:
    return UserFactory(username="ada")


@pytest.fixture
def web(http: Http) -> Any:
    return ClientFactory(client_id="web")


def login(**changes: Any) -> dict[str, Any]:
    return {"username": "ada", "password": PASSWORD, "client_id": "web", **changes}


# --- users --------------------------------------------------------------------------------------------

WHO = ["known", "unknown", "inactive", "without a password", "locked"]


@pytest.fixture
def people(http: Http, ada, web, settings) -> dict[str, str]:
    """Who might exist, by name; somebody has tried the last one's password too often."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_failures": 3, "login_account": None}}
    UserFactory(username="sleeper", is_active=False)
    UserFactory(username="passwordless", password=None)
    UserFactory(username="locked")
    for _ in range(3):
        http.post(LOGIN, login(username="locked", password="wrong"))
    return dict(zip(WHO, ["ada", "nobody", "sleeper", "passwordless", "locked"], strict=True))


def test_a_wrong_password_tells_nobody_apart(http: Http, people):
    seen = all_alike(http.post(LOGIN, login(username=name, password="wrong")) for name in people.values())

    assert seen.status == 400


def test_the_right_password_does_not_either_where_it_does_not_open(http: Http, people):
    shut = [name for who, name in people.items() if who != "known"]

    answers = [http.post(LOGIN, login(username=name)) for name in shut]
    answers.append(http.post(LOGIN, login(password="wrong")))

    assert all_alike(answers).status == 400


@pytest.mark.parametrize("password", ["wrong", "", " ", "x" * 5_000, "ü" * 100])
@pytest.mark.parametrize("device", [{}, {"device": {"id": "phone"}}], ids=["no device", "a device"])
def test_every_name_costs_one_hash(http: Http, people, monkeypatch, password, device):
    """The work is the answer's clock: it must not say who exists."""
    hashed: list[str] = []
    encode = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher,
        "encode",
        lambda self, password, salt, *more: hashed.append(salt) or encode(self, password, salt, *more),
    )

    costs = {}
    for who, name in people.items():
        hashed.clear()
        http.post(LOGIN, login(username=name, password=password, **device))
        costs[who] = len(hashed)

    assert set(costs.values()) == {1 if password else 0}, costs


def test_every_name_costs_the_same_statements(http: Http, people):
    costs = {}
    for who, name in people.items():
        http.post(LOGIN, login(username=name, password="wrong"))
        with CaptureQueriesContext(connection) as statements:
            http.post(LOGIN, login(username=name, password="wrong"))
        costs[who] = [statement["sql"].partition(" WHERE ")[0] for statement in statements]

    assert costs["unknown"]
    assert all(cost == costs["unknown"] for cost in costs.values()), costs


def test_a_device_is_nobodys_to_a_stranger(http: Http, ada, web):
    http.post(LOGIN, login(device={"id": "laptop"}))
    theirs = str(Device.objects.get().pk)

    answers = [
        http.post(LOGIN, login(username=name, password="wrong", device={"id": device}))
        for name in ("ada", "nobody")
        for device in ("laptop", "phone", theirs, str(uuid.uuid4()))
    ]

    assert all_alike(answers).status == 400


def test_a_limit_counts_for_whoever_does_not_exist_too(http: Http, ada, web, settings, clock):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_account": "2/hour"}}

    answers = {
        name: [http.post(LOGIN, login(username=name, password="wrong")) for _ in range(4)]
        for name in ("ada", "nobody")
    }

    for known, unknown in zip(*answers.values(), strict=True):
        all_alike([known, unknown])
    assert answers["nobody"][-1].status_code == 429


def test_a_second_step_tells_no_more(http: Http, ada, web, settings):
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "LOGIN_CHALLENGE": lambda user, client, device, request: Challenge(("totp",)),
        "LOGIN_VERIFY": lambda user, method, response, request: False,
    }
    challenge = http.post(LOGIN, login()).json()["challenge"]
    all_alike(http.post(LOGIN, login(username=name, password="wrong")) for name in ("ada", "nobody"))
    shown = [
        (challenge, "totp"),
        (challenge, "sms"),
        (challenge[:-6] + "AAAAAA", "totp"),
        ("garbage", "totp"),
    ]

    seen = all_alike(
        http.post(CONTINUE, {"challenge": text, "method": method, "response": "1", "client_id": "web"})
        for text, method in shown
    )

    assert seen.status == 400


# --- clients ------------------------------------------------------------------------------------------

ENDPOINTS: list[tuple[str, dict[str, str]]] = [
    (LOGIN, {"username": "ada", "password": PASSWORD}),
    (CONTINUE, {"challenge": "c", "method": "m", "response": "r"}),
    (REFRESH, {"refresh_token": "x"}),
    (TOKEN, {"grant_type": "refresh_token", "refresh_token": "x"}),
    (REVOKE, {"token": "x"}),
    (INTROSPECT, {"token": "x"}),
]


@pytest.mark.parametrize(("path", "body"), ENDPOINTS, ids=[path for path, _ in ENDPOINTS])
def test_a_secret_that_is_wrong_tells_no_client_apart(http: Http, ada, web, path, body):
    for name, traits in [
        ("back", {"confidential": True}),
        ("gone", {"confidential": True}),
        ("res", {"resource": True}),
    ]:
        secret_of(ClientFactory(client_id=name, **traits))
    revoke(OfClient("gone", disable=True))
    ClientFactory(client_id="bare", confidential=True)

    seen = all_alike(
        http.form(path, {**body, "client_id": name, "client_secret": "tks_wrong"})
        for name in ("back", "gone", "bare", "res", "web", "nobody", "", "é")
        if name
    )

    assert (seen.status, b"invalid_client" in seen.body) == (401, True)


@pytest.mark.parametrize(("path", "body"), ENDPOINTS, ids=[path for path, _ in ENDPOINTS])
def test_without_a_secret_a_confidential_client_is_as_unknown_as_none(http: Http, path, body):
    secret_of(ClientFactory(client_id="back", confidential=True))
    ClientFactory(client_id="bare", confidential=True)

    seen = all_alike(http.form(path, {**body, "client_id": name}) for name in ("back", "bare", "nobody"))

    assert (seen.status, b"invalid_client" in seen.body) == (401, True)


def test_the_client_is_judged_before_the_token(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    shown = ["x", tokens["refresh_token"], tokens["access_token"]]

    for path, name in ((REFRESH, "refresh_token"), (REVOKE, "token"), (INTROSPECT, "token")):
        seen = all_alike(
            http.form(path, {name: text, "client_id": "nobody", "client_secret": "tks_wrong"})
            for text in shown
        )
        assert seen.status == 401
    assert TokenFamily.objects.get().generation == 0


# --- tokens and families ------------------------------------------------------------------------------


def dead(http: Http, user: Any, client: Any, end: Callable[[dict[str, Any]], Any]) -> str:
    tokens = http.log_in(user, client)
    end(tokens)
    return str(tokens["refresh_token"])


def every_dead_refresh_token(http: Http, client: Any) -> dict[str, str]:
    """One for each reason for which it is refused."""
    user, other = UserFactory(), ClientFactory()

    def reused(tokens: dict[str, Any]) -> None:
        http.refresh(http.refresh(tokens, client).json(), client)

    alive = http.log_in(user, client)["refresh_token"]
    return {
        "no token": "x",
        "forged": alive[:-4] + "AAAA",
        "of no family": PREFIX + signed({"sid": str(uuid.uuid4())}),
        "revoked": dead(http, user, client, lambda tokens: revoke(OfFamily(uuid.UUID(tokens["session_id"])))),
        "reused": dead(http, user, client, reused),
        "deleted": dead(http, user, client, _delete),
        "expired": dead(http, user, client, _expire),
        "another client's": dead(http, user, other, lambda tokens: None),
        "of a user who is gone": dead(http, UserFactory(), client, _deactivate),
    }


def _delete(tokens: dict[str, Any]) -> None:
    TokenFamily.objects.filter(pk=tokens["session_id"]).delete()


def _expire(tokens: dict[str, Any]) -> None:
    row = TokenFamily.objects.filter(pk=tokens["session_id"])
    row.update(refresh_expires_at=row.get().created_at)


def _deactivate(tokens: dict[str, Any]) -> None:
    user_key = TokenFamily.objects.get(pk=tokens["session_id"]).user_key
    user = type(UserFactory.build()).objects.get(pk=user_key)
    user.is_active = False
    user.save()


@pytest.mark.parametrize("path", [REFRESH, TOKEN])
def test_whatever_is_wrong_with_a_refresh_token_is_one_answer(http: Http, web, path):
    shown = every_dead_refresh_token(http, web)

    seen = all_alike(
        http.form(path, {"grant_type": "refresh_token", "refresh_token": token, "client_id": "web"})
        for token in shown.values()
    )

    assert (seen.status, b"invalid_grant" in seen.body) == (400, True)


def test_a_scope_that_is_asked_for_tells_nothing_of_a_token_that_is_dead(http: Http, web):
    """Position is judged before scope: else the scope's own error would say that the token is alive."""
    shown = every_dead_refresh_token(http, web)

    for more in ({"scope": "admin"}, {"audience": "https://other.test"}, {"device_id": "another"}):
        seen = all_alike(
            http.form(REFRESH, {"refresh_token": token, "client_id": "web", **more})
            for token in shown.values()
        )
        assert b"invalid_grant" in seen.body


def test_handing_back_tells_nothing_of_ones_own_dead_tokens(http: Http, web):
    shown = every_dead_refresh_token(http, web)
    del shown["another client's"]

    assert (
        all_alike(http.form(REVOKE, {"token": token, "client_id": "web"}) for token in shown.values()).status
        == 200
    )


def test_another_clients_token_is_refused_alike_whatever_became_of_it(http: Http, ada, web):
    """RFC 7009 2.1; the caller holds it, so it tells him nothing that he did not know."""
    other = ClientFactory()
    alive, ended = http.log_in(ada, web), http.log_in(ada, web)
    revoke(OfFamily(uuid.UUID(ended["session_id"])))

    seen = all_alike(
        http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": other.client_id})
        for tokens in (alive, ended)
    )

    assert seen.status == 400


def access_tokens(http: Http, user: Any, client: Any) -> list[str]:
    """One for each reason for which it is refused."""
    elsewhere = ClientFactory(audiences=["https://other.test"])
    ended = http.log_in(user, client)
    revoke(OfFamily(uuid.UUID(ended["session_id"])))
    alive = http.log_in(user, client)["access_token"]
    return [
        "x",
        alive[:-4] + "AAAA",
        ended["access_token"],
        http.log_in(user, elsewhere, audience="https://other.test")["access_token"],
        http.log_in(user, client)["refresh_token"],
        forged(alive, exp=1),
        forged(alive, iss="https://other.test"),
        forged(alive, sub=...),
    ]


def test_whatever_is_wrong_with_an_access_token_is_one_answer(http: Http, ada, web):
    shown = access_tokens(http, ada, web)

    for path in ("/api/me/", SESSIONS, DEVICES):
        assert all_alike(http.get(path, bearer=token) for token in shown).status == 401


def test_introspection_tells_of_all_others_that_they_do_not_count(http: Http, ada, web):
    server = ClientFactory(client_id="res", resource=True, audiences=["https://issuer.test"])
    credentials = {"client_id": "res", "client_secret": secret_of(server)}
    shown = access_tokens(http, ada, web)

    seen = all_alike(http.form(INTROSPECT, {"token": token, **credentials}) for token in shown)

    assert (seen.status, seen.body) == (200, b'{"active":false}')


# --- one's own things ---------------------------------------------------------------------------------


def test_anothers_session_and_device_are_as_unknown_as_none(http: Http, ada, web):
    theirs = http.log_in(UserFactory(), web)
    bearer = http.log_in(ada, web)["access_token"]
    sessions = [theirs["session_id"], uuid.uuid4(), "no-id", "0"]
    devices = [theirs["device_id"], uuid.uuid4(), "no-id", "0"]

    ends = all_alike(http.delete(f"{SESSIONS}{id_}/", bearer=bearer) for id_ in sessions)
    loses = all_alike(http.post(f"{DEVICES}{id_}/revoke/", bearer=bearer) for id_ in devices)
    names = all_alike(http.patch(f"{DEVICES}{id_}/", {"name": "x"}, bearer=bearer) for id_ in devices)

    assert {seen.status for seen in (ends, loses, names)} == {404}


def test_they_are_also_where_a_recent_login_is_missing(http: Http, ada, web, clock):
    theirs = http.log_in(UserFactory(), web)
    mine = http.log_in(ada, web)
    clock.shift(3_600)
    bearer = http.refresh(mine, web).json()["access_token"]

    ends = all_alike(
        http.delete(f"{SESSIONS}{id_}/", bearer=bearer) for id_ in (theirs["session_id"], uuid.uuid4())
    )
    loses = all_alike(
        http.post(f"{DEVICES}{id_}/revoke/", {"password": "wrong"}, bearer=bearer)
        for id_ in (theirs["device_id"], uuid.uuid4())
    )

    assert (ends.status, loses.status) == (404, 404)
