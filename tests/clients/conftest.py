"""A live site on plain HTTP at loopback, which these client libraries are told to put up with."""

from typing import Any

import pytest
import requests

from tests.factories import PASSWORD, ClientFactory, UserFactory


@pytest.fixture
def site(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the site; its issuer is where it stands, as in production."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "REQUIRE_TLS": False, "ISSUER": live_server.url}
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    return str(live_server.url)


@pytest.fixture
def ada(transactional_db: None) -> Any:
    return UserFactory(username="ada")


@pytest.fixture
def web(transactional_db: None) -> Any:
    return ClientFactory(client_id="web")


@pytest.fixture
def backend(transactional_db: None) -> Any:
    return ClientFactory(client_id="backend", confidential=True)


@pytest.fixture
def orders_api(transactional_db: None, settings: Any, live_server: Any) -> Any:
    return ClientFactory(client_id="orders-api", resource=True, audiences=[live_server.url])


def log_in(site: str, client_id: str, secret: str = "") -> dict[str, Any]:
    """What a first-party app does before it hands the tokens to its OAuth library."""
    body = {"username": "ada", "password": PASSWORD, "client_id": client_id}
    answer = requests.post(
        f"{site}/auth/login/", json=body | ({"client_secret": secret} if secret else {}), timeout=30
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def expired(tokens: dict[str, Any]) -> dict[str, Any]:
    """The tokens as a library's store has them some minutes later."""
    return tokens | {"expires_in": -60, "expires_at": 1}
