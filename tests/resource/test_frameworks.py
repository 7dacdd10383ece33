"""The same answers in each framework: RFC 6750's, and nothing that a cache may keep."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.resource.conftest import ISSUER, World
from tokenauth.flows import revoke
from tokenauth.resource import Verifier
from tokenauth.resource import django as ours
from tokenauth.resource.asgi import KEY, RequiredScopes, TokenMiddleware
from tokenauth.resource.django import requires_token, token_middleware
from tokenauth.resource.drf import TokenAuthentication, requires_scope
from tokenauth.revocation.subjects import OfFamily


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


Ask = Callable[..., Answer]


def of_django(response: Any) -> Answer:
    if hasattr(response, "render"):
        response.render()
    return Answer(response.status_code, dict(response.items()), json.loads(response.content))


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(json.dumps({"who": request.tokenauth.user_key}))


async def who_later(request: HttpRequest) -> HttpResponse:
    return who(request)


class Who(APIView):
    authentication_classes = [TokenAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        return Response({"who": request.user.pk})


class Orders(Who):
    permission_classes = [requires_scope("orders:read")]


def request_with(headers: list[str]) -> HttpRequest:
    sent = {"HTTP_AUTHORIZATION": ",".join(headers)} if headers else {}
    return RequestFactory().get("/", **sent)


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = json.dumps({"who": scope[KEY].user_key}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def asked_by_asgi(served: Any, headers: list[str], kind: str = "http") -> Answer:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {
        "type": kind,
        "path": "/",
        "method": "GET",
        "headers": [(b"authorization", header.encode()) for header in headers],
    }
    asyncio.run(served(scope, receive, send))
    if kind == "websocket":
        return Answer(sent[0]["code"], {}, {})
    named = {name.decode().title(): value.decode() for name, value in sent[0]["headers"]}
    named["WWW-Authenticate"] = named.pop("Www-Authenticate", "")
    return Answer(sent[0]["status"], named, json.loads(sent[1]["body"]))


def asgi(verifier: Verifier, *scopes: str) -> Any:
    return TokenMiddleware(RequiredScopes(app, *scopes), verifier=verifier)


@pytest.fixture
def verifier(world: World, monkeypatch: pytest.MonkeyPatch) -> Verifier:
    made = world.verifier()
    monkeypatch.setattr(ours, "verifier", lambda: made)
    return made


@pytest.fixture(params=["django", "django async", "decorator", "drf", "asgi"])
def ask(request: pytest.FixtureRequest, verifier: Verifier) -> Ask:
    """Ask a view that needs a token, by these Authorization headers."""

    def asked(*headers: str, scope: str = "") -> Answer:
        sent, scopes = request_with(list(headers)), (scope,) if scope else ()
        match request.param:
            case "django" if not scope:
                return of_django(token_middleware(who)(sent))
            case "django async" if not scope:
                return of_django(asyncio.run(token_middleware(who_later)(sent)))
            case "django async":
                return of_django(asyncio.run(requires_token(*scopes)(who_later)(sent)))
            case "django" | "decorator":
                return of_django(requires_token(*scopes)(who)(sent))
            case "drf":
                return of_django((Orders if scope else Who).as_view()(sent))
        return asked_by_asgi(asgi(verifier, *scopes), list(headers))

    return asked


def test_a_token_opens_and_says_who(ask, world):
    session = world.log_in()

    answer = ask(f"bearer {session.pair.access_token}")

    assert (answer.status, answer.body) == (200, {"who": str(session.user.pk)})


def test_without_a_token_the_challenge_names_no_error(ask):
    answer = ask()

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("token", ["x", "a b", "é", "", "a.b.c"])
def test_a_token_that_is_none_is_invalid(ask, token):
    answer = ask(f"Bearer {token}")

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


def test_a_revoked_token_looks_like_any_other_that_is_not_valid(ask, world, boot_clock):
    session, foreign = world.log_in(), world.log_in(audience=(ISSUER,))
    assert ask(f"Bearer {session.pair.access_token}").status == 200
    revoke(OfFamily(session.family_id))
    boot_clock(0.6)

    answers = [
        ask(f"Bearer {token}") for token in (session.pair.access_token, foreign.pair.access_token, "x")
    ]

    assert {(a.status, a.headers["WWW-Authenticate"], str(a.body)) for a in answers} == {
        (401, 'Bearer realm="api", error="invalid_token"', str(answers[0].body))
    }


def test_two_credentials_are_a_bad_request(ask, world):
    token = world.log_in().pair.access_token

    answer = ask(f"Bearer {token}", f"Bearer {token}")

    assert answer.status == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]


def test_a_missing_scope_is_forbidden_and_named(ask, world):
    session, poor = world.log_in(scope="orders:read"), world.log_in(scope="orders:write")

    assert ask(f"Bearer {session.pair.access_token}", scope="orders:read").status == 200
    answer = ask(f"Bearer {poor.pair.access_token}", scope="orders:read")

    assert answer.status == 403
    assert 'error="insufficient_scope", scope="orders:read"' in answer.headers["WWW-Authenticate"]


def test_when_nobody_can_tell_the_answer_says_when_to_come_back(ask, world, boot_clock):
    session = world.log_in()
    assert ask(f"Bearer {session.pair.access_token}").status == 200
    world.issuer.is_cut = True
    boot_clock(0.9)

    answer = ask(f"Bearer {session.pair.access_token}")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert not answer.headers.get("WWW-Authenticate")


def test_a_web_socket_is_refused_before_it_opens(verifier, world):
    refused = asked_by_asgi(TokenMiddleware(app, verifier=verifier), [], kind="websocket")

    assert refused.status == 1008


@pytest.mark.parametrize("view", ["django", "asgi"])
def test_no_cache_may_keep_what_a_token_opened(verifier, world, view):
    header = f"Bearer {world.log_in().pair.access_token}"

    if view == "asgi":
        headers = asked_by_asgi(TokenMiddleware(app, verifier=verifier), [header]).headers
    else:
        headers = dict(token_middleware(who)(request_with([header])).items())

    assert headers["Cache-Control"] == "private, no-store"
    assert headers["Vary"] == "Authorization"


def test_a_path_that_is_open_is_open(verifier):
    served = TokenMiddleware(open_to_all, verifier=verifier, open_paths=["/"])

    assert asked_by_asgi(served, []).status == 200


def test_scopes_without_the_middleware_before_them_open_nothing(verifier, world):
    header = f"Bearer {world.log_in().pair.access_token}"

    assert asked_by_asgi(RequiredScopes(app, "orders:read"), [header]).status == 401


async def open_to_all(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})
