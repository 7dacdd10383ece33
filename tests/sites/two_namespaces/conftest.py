"""A user, a client and a browser in each tenant."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from tests.conftest import forget_everything
from tests.factories import PASSWORD, ClientFactory
from tests.http import Http
from tests.sites.two_namespaces.tenants import ALIASES, tenant
from tokenauth.models import Client


@dataclass
class Tenant:
    """One tenant as its own people see it."""

    name: str
    ada: Any
    web: Client
    http: Http

    def log_in(self) -> dict[str, Any]:
        return self.http.log_in(self.ada, self.web)

    def opens(self, tokens: dict[str, Any]) -> bool:
        """Whether the access token opens a view of this tenant."""
        answer = self.http.get("/api/me/", bearer=tokens["access_token"])
        assert answer.status_code in (200, 401), answer.content
        return bool(answer.status_code == 200)


def _made(name: str) -> Tenant:
    with tenant(name):
        ada = get_user_model().objects.create_user("ada", password=PASSWORD)
        web: Client = ClientFactory(client_id="web", name="Web")
    return Tenant(name, ada, web, Http(Browser(headers={"Host": f"{name}.example.test"})))


@pytest.fixture
def north(transactional_db: None) -> Tenant:
    return _made("north")


@pytest.fixture
def south(transactional_db: None) -> Tenant:
    return _made("south")


@pytest.fixture(autouse=True)
def fresh_in_each() -> Iterator[None]:
    yield
    for name in ALIASES:
        with tenant(name):
            forget_everything()
