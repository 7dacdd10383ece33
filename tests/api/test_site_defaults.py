"""A site's defaults do not change a byte of our answers (DESIGN 7)."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.http import JsonResponse
from rest_framework.views import exception_handler

from tests.http import LOGIN, REVOKE, SESSIONS, Http
from tokenauth.errors import Cause, Refused
from tokenauth.revocation.process import MIRROR

ENDPOINTS = [LOGIN, "/auth/token/refresh/", "/auth/token/", REVOKE, "/auth/token/introspect/"]


def answers(kind: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.api.hostile_site", kind], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def test_no_drf_default_and_no_language_changes_a_byte():
    usual, hostile = answers("usual"), answers("hostile")

    assert {name: answer[0] for name, answer in usual.items()} == {
        "login": 400,
        "login, html": 400,
        "login, format": 400,
        "login, no client": 401,
        "login, GET": 405,
        "login, OPTIONS": 204,
        "login, multipart": 415,
        "refresh": 400,
        "token": 400,
        "revoke": 200,
        "introspect": 401,
        "sessions, no token": 401,
        "sessions, wrong token": 401,
        "sessions, two headers": 400,
        "sessions, POST": 405,
        "sessions, OPTIONS": 204,
        "sessions, cursor": 400,
        "session, unknown": 404,
        "sessions": 200,
        "devices": 200,
        "device, text": 415,
        "health": 200,
        "metadata": 200,
    }
    assert "Gerät" in usual["devices"][2]
    for name, answer in usual.items():
        assert hostile[name] == answer, name


def no_response(exc, context):
    return None


def another(exc, context):
    return JsonResponse({"errors": [str(exc)]}, status=418)


def always_200(exc, context):
    response = exception_handler(exc, context)
    response.status_code = 200
    return response


@pytest.mark.django_db
@pytest.mark.parametrize("handler", ["no_response", "another", "always_200"])
def test_the_sites_exception_handler_is_not_asked(http: Http, ada, web, settings, handler):
    tokens = http.log_in(ada, web)
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": f"{__name__}.{handler}"}

    without, wrong = http.get(SESSIONS), http.get(SESSIONS, bearer="x")
    method = http.post(SESSIONS, {}, bearer=tokens["access_token"])

    assert (without.status_code, without["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert (wrong.status_code, wrong["WWW-Authenticate"]) == (
        401,
        'Bearer realm="api", error="invalid_token"',
    )
    assert (method.status_code, method.json()["error"]) == (405, "invalid_request")


@pytest.mark.django_db
def test_without_a_token_nothing_speaks_of_an_invalid_one(http: Http, settings):
    """RFC 6750 3.1"""
    settings.LANGUAGE_CODE = "ja"

    answer = http.get(SESSIONS)

    assert answer.json() == {"error": "invalid_request", "error_description": "An access token is needed."}
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Vary"] == "Authorization"


@pytest.mark.django_db(transaction=True)
def test_a_mirror_that_cannot_tell_is_a_flat_503_with_retry_after(http: Http, ada, web, monkeypatch):
    tokens = http.log_in(ada, web)
    monkeypatch.setattr(MIRROR, "refused", lambda claims: Refused(Cause.STALE_MIRROR, retry_after=1))

    answer = http.get(SESSIONS, bearer=tokens["access_token"])

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json()["error"] == "temporarily_unavailable"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ENDPOINTS)
def test_options_says_what_is_allowed_and_no_more(http: Http, path):
    answer = http.browser.options(path, secure=True)

    assert (answer.status_code, answer["Allow"], answer.content) == (204, "POST, OPTIONS", b"")


CACHING = [
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
]


@pytest.mark.django_db
def test_djangos_cache_middleware_keeps_no_answer_to_a_token(http: Http, ada, web, settings):
    settings.MIDDLEWARE = [
        *CACHING,
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    tokens = http.log_in(ada, web)
    assert http.get("/api/me/", bearer=tokens["access_token"]).status_code == 200
    http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})

    answer = http.get("/api/me/", bearer=tokens["access_token"])

    assert answer.status_code == 401
