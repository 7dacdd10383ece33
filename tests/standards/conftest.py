"""The world of the standards: a user, clients of every kind, and what they send."""

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client as Browser

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.http import INTROSPECT, TOKEN, Http
from tokenauth.models import Client


@dataclass
class Confidential:
    """A client with its secret, as its requests carry it."""

    client: Client
    secret: str

    @property
    def in_body(self) -> dict[str, str]:
        return {"client_id": self.client.client_id, "client_secret": self.secret}

    @property
    def basic(self) -> dict[str, str]:
        return {"Authorization": basic(self.client.client_id, self.secret)}


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


class OAuth(Http):
    """A client library's side: the token endpoint by form, introspection as a resource server."""

    def grant(self, tokens: dict[str, Any], client: Client, **more: Any) -> Any:
        """Send the refresh grant of RFC 6749 in a public client's name."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": client.client_id,
        }
        return self.form(TOKEN, {**form, **more})

    def introspect(self, token: str, server: Confidential, **more: Any) -> Any:
        return self.form(INTROSPECT, {"token": token, **more}, **server.basic)

    def opens(self, tokens: dict[str, Any]) -> bool:
        """Whether a protected view takes the access token."""
        return bool(self.get("/api/me/", bearer=tokens["access_token"]).status_code == 200)


@pytest.fixture
def http(client: Browser) -> OAuth:
    return OAuth(client)


@pytest.fixture
def ada(db: None) -> Any:
    return UserFactory(username="ada")


@pytest.fixture
def web(db: None) -> Client:
    made: Client = ClientFactory(client_id="web", name="Web")
    return made


@pytest.fixture
def backend(db: None) -> Confidential:
    made = ClientFactory(client_id="backend", confidential=True)
    return Confidential(made, secret_of(made))


@pytest.fixture
def server(db: None) -> Confidential:
    """A resource server for the audience that a login gets by default."""
    made = ClientFactory(client_id="server", resource=True, audiences=["https://issuer.test"])
    return Confidential(made, secret_of(made))
