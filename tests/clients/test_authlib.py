"""Authlib's OAuth2Session, unchanged, against the standard endpoints of a live site."""

from typing import Any

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.clients.conftest import expired, log_in
from tests.factories import secret_of


def session_of(site: str, tokens: dict[str, Any], client_id: str = "web", **more: Any) -> OAuth2Session:
    found = requests.get(f"{site}/.well-known/oauth-authorization-server", timeout=30).json()
    more = {"token_endpoint_auth_method": "none", **more}
    return OAuth2Session(client_id, token=tokens, token_endpoint=found["token_endpoint"], **more)


def test_an_expired_access_token_is_refreshed_on_the_way(site, ada, web):
    kept: list[dict[str, Any]] = []
    tokens = log_in(site, "web")
    session = session_of(site, expired(tokens), update_token=lambda token, **old: kept.append(token))

    answer = session.get(f"{site}/api/me/")

    assert answer.json() == {"user": ada.pk}
    assert [token["refresh_token"] for token in kept] != [tokens["refresh_token"]]
    assert kept[0]["session_id"] == tokens["session_id"]


def test_it_refreshes_again_and_again(site, ada, web):
    session = session_of(site, log_in(site, "web"))

    seen = {session.refresh_token()["access_token"] for _ in range(5)}

    assert len(seen) == 5
    assert session.get(f"{site}/api/me/").status_code == 200


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_confidential_client_authenticates_by_each_method_that_the_metadata_names(
    site, ada, backend, method
):
    secret = secret_of(backend)
    session = session_of(
        site,
        expired(log_in(site, "backend", secret)),
        "backend",
        client_secret=secret,
        token_endpoint_auth_method=method,
    )

    assert session.get(f"{site}/api/me/").json() == {"user": ada.pk}


def test_a_wrong_secret_is_invalid_client(site, ada, backend):
    tokens = log_in(site, "backend", secret_of(backend))
    session = session_of(
        site,
        tokens,
        "backend",
        client_secret="tks_wrong",
        token_endpoint_auth_method="client_secret_basic",
    )

    with pytest.raises(OAuthError, match="invalid_client"):
        session.refresh_token()


def test_a_revoked_refresh_token_is_invalid_grant(site, ada, web):
    session = session_of(site, log_in(site, "web"))

    answer = session.revoke_token(f"{site}/auth/token/revoke/", session.token["refresh_token"])

    assert answer.status_code == 200
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.refresh_token()
    assert session.get(f"{site}/api/me/").status_code == 401


def test_a_resource_server_introspects(site, ada, web, orders_api):
    tokens = log_in(site, "web")
    server = OAuth2Session("orders-api", secret_of(orders_api))

    answer = server.introspect_token(f"{site}/auth/token/introspect/", tokens["access_token"], "access_token")

    assert answer.json()["active"] is True
    assert answer.json()["sub"] == str(ada.pk)
    session_of(site, tokens).revoke_token(f"{site}/auth/token/revoke/", tokens["refresh_token"])
    answer = server.introspect_token(f"{site}/auth/token/introspect/", tokens["access_token"])
    assert answer.json() == {"active": False}
