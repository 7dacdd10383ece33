"""requests-oauthlib's OAuth2Session, unchanged, against the standard endpoints of a live site."""

from typing import Any

import pytest
import requests
from oauthlib.oauth2 import InvalidClientError, InvalidGrantError, LegacyApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.clients.conftest import expired, log_in
from tests.factories import secret_of


def session_of(site: str, tokens: dict[str, Any], client_id: str = "web", **more: Any) -> OAuth2Session:
    found = requests.get(f"{site}/.well-known/oauth-authorization-server", timeout=30).json()
    more = {"auto_refresh_kwargs": {"client_id": client_id}, "token_updater": lambda token: None, **more}
    return OAuth2Session(client_id, token=tokens, auto_refresh_url=found["token_endpoint"], **more)


def test_an_expired_access_token_is_refreshed_on_the_way(site, ada, web):
    kept: list[dict[str, Any]] = []
    tokens = log_in(site, "web")
    session = session_of(site, expired(tokens), token_updater=kept.append)

    answer = session.get(f"{site}/api/me/")

    assert answer.json() == {"user": ada.pk}
    assert [token["refresh_token"] for token in kept] != [tokens["refresh_token"]]
    assert kept[0]["session_id"] == tokens["session_id"]


def test_it_refreshes_again_and_again(site, ada, web):
    session = session_of(site, log_in(site, "web"))

    seen = {session.refresh_token(f"{site}/auth/token/", client_id="web")["access_token"] for _ in range(5)}

    assert len(seen) == 5
    assert session.get(f"{site}/api/me/").status_code == 200


def test_a_confidential_client_authenticates_in_the_body(site, ada, backend):
    secret = secret_of(backend)
    credentials = {"client_id": "backend", "client_secret": secret}
    session = session_of(
        site, expired(log_in(site, "backend", secret)), "backend", auto_refresh_kwargs=credentials
    )

    assert session.get(f"{site}/api/me/").json() == {"user": ada.pk}


def test_a_confidential_client_authenticates_by_basic(site, ada, backend):
    secret = secret_of(backend)
    session = session_of(site, log_in(site, "backend", secret), "backend", auto_refresh_kwargs={})

    session.refresh_token(f"{site}/auth/token/", auth=HTTPBasicAuth("backend", secret))

    assert session.get(f"{site}/api/me/").json() == {"user": ada.pk}


def test_a_wrong_secret_is_invalid_client(site, ada, backend):
    session = session_of(site, log_in(site, "backend", secret_of(backend)), "backend", auto_refresh_kwargs={})

    with pytest.raises(InvalidClientError):
        session.refresh_token(f"{site}/auth/token/", auth=HTTPBasicAuth("backend", "tks_wrong"))


def test_a_revoked_refresh_token_is_invalid_grant(site, ada, web):
    tokens = log_in(site, "web")
    session = session_of(site, tokens)
    url, headers, body = LegacyApplicationClient("web").prepare_token_revocation_request(
        f"{site}/auth/token/revoke/", tokens["refresh_token"], "refresh_token", client_id="web"
    )

    answer = requests.post(url, data=body, headers=headers, timeout=30)

    assert answer.status_code == 200
    with pytest.raises(InvalidGrantError):
        session.refresh_token(f"{site}/auth/token/", client_id="web")
