"""var/demo.json: everything that a script needs to drive the running example site."""

from pathlib import Path
from typing import Any

from django.conf import settings

from project.demo import data, vault


def path() -> Path:
    return Path(settings.VAR) / "demo.json"


def write() -> None:
    """Say that the site is ready to answer, and how to reach it."""
    vault.write_private(path(), content())


def remove() -> None:
    """Say that it is not: nobody waits for a site that has gone."""
    path().unlink(missing_ok=True)


def content() -> dict[str, Any]:
    return {
        "base_url": settings.BASE_URL,
        "admin": {
            "url": f"{settings.BASE_URL}/admin/",
            "username": data.ADMIN,
            "password": vault.password(data.ADMIN),
        },
        "users": [{"username": name, "password": vault.password(name)} for name in data.USERS],
        "clients": [_client(client) for client in data.CLIENTS],
        "endpoints": [_endpoint(endpoint, settings.BASE_URL) for endpoint in data.ENDPOINTS],
        "services": [
            {
                "client_id": data.ORDERS_API,
                "base_url": settings.ORDERS_URL,
                "audience": data.ORDERS_AUDIENCE,
                "endpoints": [_endpoint(endpoint, settings.ORDERS_URL) for endpoint in data.ELSEWHERE],
            }
        ],
    }


def _endpoint(endpoint: data.Endpoint, base_url: str) -> dict[str, str]:
    return {
        "method": endpoint.method,
        "path": endpoint.path,
        "url": f"{base_url}{endpoint.path}",
        "scope": endpoint.scope,
    }


def _client(client: data.DemoClient) -> dict[str, Any]:
    secret = {"client_secret": vault.client_secret(client.client_id)} if client.confidential else {}
    return {
        "client_id": client.client_id,
        **secret,
        "kind": client.kind,
        "policy": client.policy,
        "audiences": client.audiences,
        "scopes": list(client.scopes),
    }
