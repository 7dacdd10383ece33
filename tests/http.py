"""A client's side of the HTTP contract: what a mobile or web developer's code would do."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.test import Client as Browser

from tests.factories import PASSWORD

LOGIN = "/auth/login/"
REFRESH = "/auth/token/refresh/"
TOKEN = "/auth/token/"
REVOKE = "/auth/token/revoke/"
INTROSPECT = "/auth/token/introspect/"
SESSIONS = "/auth/sessions/"
DEVICES = "/auth/devices/"


@dataclass
class Http:
    """Requests over TLS, as JSON or form, with a bearer token or Basic credentials."""

    browser: Browser

    def post(self, path: str, body: dict[str, Any] | None = None, *, bearer: str = "", **headers: Any) -> Any:
        """POST JSON."""
        return self.browser.post(
            path,
            data=json.dumps(body or {}),
            content_type="application/json",
            secure=True,
            headers=_headers(bearer, headers),
        )

    def form(self, path: str, body: dict[str, Any] | str, *, bearer: str = "", **headers: Any) -> Any:
        """POST a form."""
        return self.browser.post(
            path,
            data=body if isinstance(body, str) else urlencode(body, doseq=True),
            content_type="application/x-www-form-urlencoded",
            secure=True,
            headers=_headers(bearer, headers),
        )

    def get(self, path: str, *, bearer: str = "", **headers: Any) -> Any:
        return self.browser.get(path, secure=True, headers=_headers(bearer, headers))

    def delete(self, path: str, *, bearer: str = "") -> Any:
        return self.browser.delete(path, secure=True, headers=_headers(bearer, {}))

    def patch(self, path: str, body: dict[str, Any], *, bearer: str = "") -> Any:
        return self.browser.patch(
            path,
            data=json.dumps(body),
            content_type="application/json",
            secure=True,
            headers=_headers(bearer, {}),
        )

    def log_in(self, user: Any, client: Any, **more: Any) -> dict[str, Any]:
        """Log a user of the factories in and return the body."""
        body = {"username": user.get_username(), "password": PASSWORD, "client_id": client.client_id, **more}
        answer = self.post(LOGIN, body)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    def refresh(self, tokens: dict[str, Any], client: Any, **more: Any) -> Any:
        """Send a refresh and return the response."""
        body = {"refresh_token": tokens["refresh_token"], "client_id": client.client_id, **more}
        return self.post(REFRESH, body)


def _headers(bearer: str, more: dict[str, Any]) -> dict[str, str]:
    named = {name.replace("_", "-"): str(value) for name, value in more.items()}
    return {**({"Authorization": f"Bearer {bearer}"} if bearer else {}), **named}
