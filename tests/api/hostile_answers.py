"""Calls of every kind and what they answered, printed as JSON: run by `tests.api.hostile_site`."""

import json
import sys
from typing import Any

from django.db import connection
from django.test import Client as Browser

from tests.factories import PASSWORD, ClientFactory, UserFactory
from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, TOKEN, Http


def answers() -> dict[str, Any]:
    connection.creation.create_test_db(verbosity=0)
    browser = Browser(raise_request_exception=False, enforce_csrf_checks=True)
    http, ada = Http(browser), UserFactory(username="ada")
    web = ClientFactory(client_id="web", name="Wéb")
    login = {"username": "ada", "password": PASSWORD, "client_id": "web"}
    tokens = http.log_in(ada, web, device={"id": "d", "name": "Gerät"})
    bearer = tokens["access_token"]
    if sys.argv[1:] == ["hostile"]:
        browser.force_login(UserFactory(is_staff=True))
    calls = {
        "login": http.post(LOGIN, {**login, "password": "x"}),
        "login, html": http.post(LOGIN, {**login, "password": "x"}, Accept="text/html; version=3"),
        "login, format": http.post(LOGIN + "?format=api", {**login, "password": "x"}),
        "login, no client": http.post(LOGIN, {**login, "client_id": "nobody"}),
        "login, GET": http.get(LOGIN),
        "login, OPTIONS": browser.options(LOGIN, secure=True),
        "login, multipart": browser.post(LOGIN, login, secure=True),
        "refresh": http.post(REFRESH, {"client_id": "web", "refresh_token": "x"}),
        "token": http.form(TOKEN, {"client_id": "web"}),
        "revoke": http.form(REVOKE, {"client_id": "web", "token": "x"}),
        "introspect": http.form(INTROSPECT, {"client_id": "web", "token": "x"}),
        "sessions, no token": http.get(SESSIONS),
        "sessions, wrong token": http.get(SESSIONS, bearer="x"),
        "sessions, two headers": http.get(SESSIONS, Authorization="Bearer x,Bearer y"),
        "sessions, POST": http.post(SESSIONS, {}, bearer=bearer),
        "sessions, OPTIONS": browser.options(
            SESSIONS, secure=True, headers={"Authorization": f"Bearer {bearer}"}
        ),
        "sessions, cursor": http.get(SESSIONS + "?cursor=x", bearer=bearer),
        "session, unknown": http.delete(f"{SESSIONS}xyz/", bearer=bearer),
        "sessions": http.get(SESSIONS, bearer=bearer),
        "devices": http.get(DEVICES, bearer=bearer, Accept="text/html"),
        "device, text": browser.generic(
            "PATCH",
            f"{DEVICES}{tokens['device_id']}/",
            "x",
            content_type="text/plain",
            secure=True,
            headers={"Authorization": f"Bearer {bearer}"},
        ),
        "health": http.get("/auth/health/"),
        "metadata": http.get("/.well-known/oauth-authorization-server"),
    }
    return {name: _comparable(answer, tokens) for name, answer in calls.items()}


def _comparable(answer: Any, tokens: dict[str, Any]) -> list[Any]:
    body = answer.content.decode()
    for changing in ("session_id", "device_id"):
        body = body.replace(tokens[changing], changing)
    for member in ("created_at", "last_used_at", "expires_at"):
        before, _, after = body.partition(f'"{member}":"')
        body = f"{before}{member}{after[20:]}" if after else body
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
    return [answer.status_code, headers, body]


print(json.dumps(answers()))
