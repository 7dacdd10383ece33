"""GET revocations/: who may ask, how long it waits, and that no cache keeps it."""

import asyncio
import base64
import json
import logging
import threading
from collections.abc import Coroutine
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from tests.factories import ClientFactory, secret_of
from tests.http import Http
from tokenauth.api import client_authentication
from tokenauth.api.views import revocations, waiting
from tokenauth.flows import revoke
from tokenauth.models import Plane
from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)

FEED = "/auth/revocations/"


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


@pytest.fixture
def orders(db: None) -> dict[str, str]:
    Plane.objects.ensure()
    client = ClientFactory(client_id="orders-api", resource=True, audiences=["https://orders.test"])
    return basic("orders-api", secret_of(client))


def test_a_server_is_told_what_was_revoked_and_by_which_rules(http: Http, orders):
    revoke(OfUser("1"))

    answer = http.get(FEED, **orders)

    body = answer.json()
    assert answer.status_code == 200
    assert (body["reset"], body["more"], len(body["orders"])) == (True, False, 1)
    assert body["rules"]["audiences"] == ["https://orders.test"]
    assert body["rules"]["jwks_uri"] == "https://issuer.test/auth/jwks/"
    assert 0 <= body["held"] < 5


def test_no_cache_may_keep_it(http: Http, orders):
    answer = http.get(FEED, **orders)

    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Vary"] == "Authorization"


def test_rules_that_the_server_has_are_not_told_again(http: Http, orders):
    first = http.get(FEED, **orders).json()

    second = http.get(f"{FEED}?after={first['cursor']}&rules={first['rules_hash']}", **orders).json()

    assert "rules" not in second
    assert second["rules_hash"] == first["rules_hash"]


def test_nobody_but_a_resource_server_that_authenticates_is_told(http: Http, orders, web):
    backend = ClientFactory(client_id="backend", confidential=True)

    answers = [
        http.get(FEED),
        http.get(FEED, **basic("orders-api", "wrong")),
        http.get(FEED, **basic("nobody", "wrong")),
        http.get(FEED, **basic("backend", secret_of(backend))),
        http.get(FEED, **basic("web", "")),
        http.get(f"{FEED}?client_id=orders-api&client_secret=x"),
    ]

    assert [(a.status_code, a.json()["error"]) for a in answers] == [(401, "invalid_client")] * 6
    assert answers[0]["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "query", ["wait=-1", "wait=61", "wait=nan", "wait=inf", "wait=x", "after=a&after=b", "x=" + "y" * 9000]
)
def test_what_cannot_be_read_is_refused(http: Http, orders, query):
    answer = http.get(f"{FEED}?{query}", **orders)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_server_that_asks_too_often_is_slowed_down(http: Http, orders, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"feed": "2/minute"}}

    answers = [http.get(FEED, **orders) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Retry-After" in answers[2]


def test_what_a_server_refused_is_in_the_log(http: Http, orders, caplog):
    with caplog.at_level(logging.INFO, logger="tokenauth.security"):
        http.get(f"{FEED}?rules=old&refused=audience:3,expired:2,nonsense:9,scope:-1,revoked:x", **orders)

    assert "resource_server client=orders-api rules=old in_step=false" in caplog.text
    assert "refused=audience:3,expired:2" in caplog.text
    assert "nonsense" not in caplog.text


class TestWaiting:
    """In a thread of a WSGI server."""

    @pytest.fixture(autouse=True)
    def threads(self, http: Http):
        http.browser.defaults["wsgi.multithread"] = True

    def test_an_order_ends_the_wait(self, http: Http, orders, monkeypatch):
        cursor = http.get(FEED, **orders).json()["cursor"]
        monkeypatch.setattr(waiting, "LONGEST_IN_A_THREAD", 3600)
        writer = threading.Timer(0.05, MIRROR._tell, [[Order(1, 1, Kind.USER, "1", 1, 0.0)]])
        writer.start()

        answer = http.get(f"{FEED}?after={cursor}&wait=60", **orders)

        writer.join()
        assert 0 < answer.json()["held"] < 60

    def test_news_that_is_there_is_not_waited_for(self, http: Http, orders, monkeypatch):
        cursor = http.get(FEED, **orders).json()["cursor"]
        revoke(OfUser("1"))
        monkeypatch.setattr(threading.Event, "wait", forbidden)

        answer = http.get(f"{FEED}?after={cursor}&wait=60", **orders)

        assert len(answer.json()["orders"]) == 1

    def test_who_finds_no_place_is_answered_at_once(self, http: Http, orders, monkeypatch):
        cursor = http.get(FEED, **orders).json()["cursor"]
        monkeypatch.setattr(waiting, "IN_A_THREAD", waiting.Places(1))
        assert waiting.IN_A_THREAD.take()
        monkeypatch.setattr(threading.Event, "wait", forbidden)

        assert http.get(f"{FEED}?after={cursor}&wait=60", **orders).status_code == 200

    def test_a_process_of_one_thread_is_not_held(self, http: Http, orders, monkeypatch):
        cursor = http.get(FEED, **orders).json()["cursor"]
        http.browser.defaults["wsgi.multithread"] = False
        monkeypatch.setattr(threading.Event, "wait", forbidden)

        assert http.get(f"{FEED}?after={cursor}&wait=60", **orders).status_code == 200

    def test_the_database_is_asked_again_after_the_wait_and_held_says_when(
        self, http: Http, orders, monkeypatch
    ):
        first = http.get(FEED, **orders).json()
        monkeypatch.setattr(threading.Event, "wait", lambda event, seconds: revoke(OfUser("1")))
        clock = iter(range(100))
        monkeypatch.setattr(revocations.clock, "now", lambda: float(next(clock)))

        answer = http.get(f"{FEED}?after={first['cursor']}&wait=0.2", **orders).json()

        assert len(answer["orders"]) == 1
        assert answer["held"] >= 2


class TestOnAnEventLoop:
    """Where an ASGI server runs it."""

    @pytest.fixture(autouse=True)
    def closes_in_the_views_thread(self, monkeypatch):
        # a server does; Django's test client closes an answer in another thread, whose connection stays
        monkeypatch.setattr(client_authentication, "note_secret_use", lambda *args, **kwargs: None)

    def test_an_order_ends_the_wait_and_no_other_request_is_held(self, orders):
        others = list(MIRROR._listeners)

        async def two_readers_and_a_writer() -> list[dict[str, Any]]:
            first = await told(orders)
            path = f"{FEED}?after={first['cursor']}&wait=30"
            readers = [asyncio.create_task(told(orders, path)) for _ in range(2)]
            while len(MIRROR._listeners) < len(others) + 2:
                await asyncio.sleep(0.01)
            assert not any(reader.done() for reader in readers)
            await told(orders)  # nobody is held by those who wait
            await asyncio.to_thread(MIRROR._tell, [Order(1, 1, Kind.USER, "1", 1, 0.0)])
            return list(await asyncio.gather(*readers))

        answers = run(two_readers_and_a_writer())

        assert [answer["reset"] for answer in answers] == [False, False]
        assert all(answer["held"] > 0 for answer in answers)
        assert MIRROR._listeners == others

    def test_who_finds_no_place_is_answered_at_once(self, orders, monkeypatch):
        monkeypatch.setattr(waiting, "ON_A_LOOP", waiting.Places(1))
        assert waiting.ON_A_LOOP.take()

        async def ask() -> dict[str, Any]:
            first = await told(orders)
            return await told(orders, f"{FEED}?after={first['cursor']}&wait=30")

        assert run(ask())["orders"] == []

    def test_a_failure_after_the_wait_is_a_body_that_says_so(self, orders, monkeypatch):
        async def ask() -> dict[str, Any]:
            first = await told(orders)
            monkeypatch.setattr(
                revocations, "_page", lambda asked: revocations.Refused(revocations.Cause.BUSY)
            )
            return await told(orders, f"{FEED}?after={first['cursor']}&wait=1")

        assert run(ask())["error"] == "temporarily_unavailable"

    def test_such_an_answer_is_kept_by_no_cache_either(self, orders):
        async def ask() -> Any:
            first = await told(orders)
            return await AsyncClient().get(
                f"{FEED}?after={first['cursor']}&wait=0.01", headers=orders, secure=True
            )

        answer = run(ask())

        assert answer["Cache-Control"] == "private, no-store"
        assert answer["Content-Type"] == "application/json"


def run(story: Coroutine[Any, Any, Any]) -> Any:
    async def bounded() -> Any:
        try:
            return await asyncio.wait_for(story, 60)
        finally:
            # those of the thread in which asgiref ran the view
            await sync_to_async(connections.close_all)()

    return asyncio.run(bounded())


async def told(orders: dict[str, str], path: str = FEED) -> dict[str, Any]:
    answer = await AsyncClient().get(path, headers=orders, secure=True)
    assert answer.status_code == 200
    if answer.streaming:
        return dict(json.loads(b"".join([part async for part in answer])))
    return dict(answer.json())


def forbidden(*args: Any) -> None:
    raise AssertionError("it waited")
