"""The world of a service elsewhere: an issuer in this process, asked as over the network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from django.core.wsgi import get_wsgi_application

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.live import live_site
from tests.sessions import Session, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.models import Client, Plane
from tokenauth.resource import Verifier
from tokenauth.resource.sources.feed import Feed
from tokenauth.revocation import clock as boot

__all__ = ["live_site"]

ISSUER = "https://issuer.test"
ORDERS = "https://orders.test"


@dataclass
class Issuer(httpx2.BaseTransport):
    """The site behind a network that a test may cut or rewrite."""

    application: Any
    asked: list[str] = field(default_factory=list)
    #: What comes instead of the site's own answer; None where that stands.
    instead: Callable[[httpx2.Request], httpx2.Response | None] = lambda request: None
    is_cut: bool = False

    def __post_init__(self) -> None:
        self._site = httpx2.WSGITransport(app=self.application)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        if self.is_cut:
            raise httpx2.ConnectError("no route to host")
        answer = self.instead(request)
        return self._site.handle_request(request) if answer is None else answer

    def answered(self, request: httpx2.Request) -> httpx2.Response:
        """The site's own answer, read to its end."""
        answer = self._site.handle_request(request)
        return httpx2.Response(
            answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(answer.read())
        )

    def count(self, path: str) -> int:
        return self.asked.count(path)


@dataclass
class World:
    """An issuer, a resource server `orders-api` of its, and a client that logs users in for it."""

    issuer: Issuer
    server: Client
    secret: str
    app: Client
    made: list[Verifier] = field(default_factory=list)

    def verifier(self, **options: Any) -> Verifier:
        known = {"issuer": ISSUER, "client_id": self.server.client_id, "client_secret": self.secret}
        made = Verifier(transport=self.issuer, **{**known, **options})
        self.made.append(made)
        return made

    def log_in(self, user: Any = None, **more: Any) -> Session:
        return log_in(user or UserFactory(), self.app, **{"audience": (ORDERS,), **more})


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    Plane.objects.ensure()
    server = ClientFactory(client_id="orders-api", resource=True, audiences=[ORDERS])
    app = ClientFactory(client_id="app", audiences=[ORDERS, ISSUER])
    made = World(Issuer(get_wsgi_application()), server, secret_of(server), app)
    yield made
    for verifier in made.made:
        verifier.close()


@pytest.fixture(autouse=True)
def without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests do all by themselves, as where threads never run."""
    monkeypatch.setattr(Feed, "_start_thread", lambda feed: None)


@pytest.fixture
def boot_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The clock that ages what a process knows, standing until it is moved by hand."""
    stands_at = {"seconds": boot.now()}
    monkeypatch.setattr(boot, "now", lambda: stands_at["seconds"])

    def shift(seconds: float) -> None:
        stands_at["seconds"] += seconds

    return shift


def why_refused(outcome: object) -> Cause | None:
    """The cause; None where the token was accepted."""
    return outcome.cause if isinstance(outcome, Refused) else None
