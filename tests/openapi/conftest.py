"""The world that generated requests meet: a user with a session, three clients, plain HTTP allowed."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.http import Http
from tokenauth.models import Client


@dataclass
class World:
    """Who and what exists. `values` are what a request needs to get beyond the first refusal."""

    http: Http
    user: Any
    web: Client
    backend: Client
    backend_secret: str
    orders: Client
    orders_secret: str

    def values(self) -> dict[str, Any]:
        """Valid parameters by name, with a session made just now."""
        tokens = self.http.log_in(self.user, self.web)
        return {
            "username": self.user.get_username(),
            "client_id": self.web.client_id,
            "refresh_token": tokens["refresh_token"],
            "token": tokens["access_token"],
            "access_token": tokens["access_token"],
            "session_id": tokens["session_id"],
            "device_id": tokens["device_id"],
        }


@pytest.fixture
def world(db: None, client: Browser, settings: Any) -> World:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "REQUIRE_TLS": False}
    backend = ClientFactory(client_id="backend", confidential=True)
    orders = ClientFactory(client_id="orders-api", resource=True, audiences=["https://issuer.test"])
    return World(
        http=Http(client),
        user=UserFactory(username="ada"),
        web=ClientFactory(client_id="web"),
        backend=backend,
        backend_secret=secret_of(backend),
        orders=orders,
        orders_secret=secret_of(orders),
    )


@pytest.fixture(autouse=True)
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that do not come from Django's test client leave the test's connection open too."""
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
