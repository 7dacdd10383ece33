"""A site whose news travel by a Redis of the test's own, and whose polls are too slow to bring them."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.redis_servers import Server, cache, redis_running
from tokenauth.models import Plane
from tokenauth.revocation import listening, source
from tokenauth.revocation.notifiers import names
from tokenauth.revocation.notifiers.alias import CLIENTS
from tokenauth.revocation.notifiers.publishing import BREAKER
from tokenauth.revocation.process import MIRROR

STREAM = names.stream(names.DEFAULT)


@pytest.fixture
def redis(tmp_path) -> Iterator[Server]:
    with redis_running(tmp_path) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    CLIENTS.forget()
    BREAKER.after_fork()


@pytest.fixture
def on_redis(settings: Any, redis: Server) -> Any:
    """Requests poll, every 30 s: what arrives sooner came by Redis."""
    settings.CACHES = {**settings.CACHES, "news": cache(redis.url)}
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "MIRROR": "request",
        "STALENESS_BOUND": 60,
        "REDIS_ALIAS": "news",
    }
    MIRROR.forget()
    return settings


@pytest.fixture
def listener() -> Iterator[Any]:
    """Starts the thread that follows the notifier beside the mirror, which has to be loaded."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start() -> None:
        threads.append(threading.Thread(target=listening.listen, args=(stop,), daemon=True))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is revoked is revoked in another process: this one's mirror is told nothing directly."""
    real, mine = MIRROR.hint, threading.current_thread()

    def hint(orders: Any) -> None:
        if threading.current_thread() is not mine:
            real(orders)

    monkeypatch.setattr(MIRROR, "hint", hint)


def plane_id() -> Any:
    return Plane.objects.get().plane_id


@pytest.fixture
def asked(monkeypatch):
    """Where each question that was put to the database began."""
    questions: list[int] = []
    real = source.ask

    def ask(connection, **bounds):
        questions.append(bounds["after"])
        return real(connection, **bounds)

    monkeypatch.setattr(source, "ask", ask)
    return questions
