"""The world of the endpoint tests: a user, a public client, and a way to ask."""

from typing import Any

import pytest
from django.test import Client as Browser

from tests.factories import ClientFactory, UserFactory
from tests.http import Http
from tests.mails import mails
from tokenauth.models import Client

__all__ = ["ada", "http", "mails", "web"]


@pytest.fixture
def http(client: Browser) -> Http:
    return Http(client)


@pytest.fixture
def ada(db: None) -> Any:
    return UserFactory(username="ada")


@pytest.fixture
def web(db: None) -> Client:
    made: Client = ClientFactory(client_id="web", name="Web")
    return made
