"""No password, secret or token in error pages, mails, reprs and log records (guarantee 12)."""

import base64
import html
import logging
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client as Browser
from django.views.debug import SafeExceptionReporterFilter, get_default_exception_reporter_filter

from tests.factories import PASSWORD, ClientFactory, secret_of
from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, TOKEN, Http
from tokenauth.api import error_pages
from tokenauth.api.authentication import CACHE
from tokenauth.api.parameters import Parameters
from tokenauth.flows.asked import Asked
from tokenauth.flows.challenge import Challenge
from tokenauth.flows.sessions import Owner
from tokenauth.models import TokenFamily

pytestmark = pytest.mark.django_db

KEY = "an-idempotency-key-1"
RESPONSE = "response-493021"


def break_(monkeypatch, flow: str, what: str) -> None:
    *path, name = what.split(".")
    owner: Any = sys.modules[f"tokenauth.flows.{flow}"]
    for step in path:
        owner = getattr(owner, step)
    monkeypatch.setattr(owner, name, boom)


def boom(*args, **kwargs):
    raise RuntimeError("boom")


@pytest.fixture
def http() -> Http:
    return Http(Browser(raise_request_exception=False))


@dataclass
class Site:
    """A client with a secret, its session, and a resource server: everything that must not be seen."""

    http: Http
    secret: str
    tokens: dict[str, Any]
    resource_secret: str

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"back:{self.secret}".encode()).decode()

    @property
    def secrets(self) -> list[str]:
        tokens = self.tokens["access_token"], self.tokens["refresh_token"]
        return [PASSWORD, KEY, RESPONSE, self.secret, self.resource_secret, self.basic[6:], *tokens]

    def calls(self) -> dict[str, tuple[str, str, Any]]:
        """Name of a call -> (flow, what fails in it, the call)."""
        http, secret, bearer = self.http, self.secret, self.tokens["access_token"]
        access, refresh = self.tokens["access_token"], self.tokens["refresh_token"]
        client = {"client_id": "back", "client_secret": secret}
        login = {"username": "ada", "password": PASSWORD, **client}
        resource = {"client_id": "res", "client_secret": self.resource_secret}
        return {
            "login": ("new_family", "pair.of", lambda: http.post(LOGIN, login, Idempotency_Key=KEY)),
            "login by form": ("new_family", "pair.of", lambda: http.form(LOGIN, login)),
            "refresh": (
                "rotate",
                "verdict.next_answer",
                lambda: http.post(REFRESH, {"refresh_token": refresh, **client}, Idempotency_Key=KEY),
            ),
            "refresh by Basic": (
                "rotate",
                "verdict.next_answer",
                lambda: http.form(
                    TOKEN,
                    {"grant_type": "refresh_token", "refresh_token": refresh},
                    Authorization=self.basic,
                ),
            ),
            "revoke": (
                "hand_back",
                "revoke",
                lambda: http.form(REVOKE, {"token": refresh, **client}),
            ),
            "introspect": (
                "introspect",
                "verify.access_token",
                lambda: http.form(INTROSPECT, {"token": access, **resource}),
            ),
            "own sessions": (
                "sessions",
                "revoke_others",
                lambda: http.post(f"{SESSIONS}revoke-others/", {"password": PASSWORD}, bearer=bearer),
            ),
            "own devices": (
                "sessions",
                "revoke",
                lambda: http.post(
                    f"{DEVICES}{self.tokens['device_id']}/revoke/", {"password": PASSWORD}, bearer=bearer
                ),
            ),
            "a site's own view": (
                "introspect",
                "verify.access_token",
                lambda: http.get("/api/me/", bearer=bearer),
            ),
        }


@pytest.fixture
def site(http: Http, ada, settings) -> Site:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "REQUIRE_TLS": True}
    back = ClientFactory(client_id="back", confidential=True)
    secret = secret_of(back)
    resource = ClientFactory(client_id="res", resource=True, audiences=["https://issuer.test"])
    return Site(http, secret, http.log_in(ada, back, client_secret=secret), secret_of(resource))


CALLS = [
    *("login", "login by form", "refresh", "refresh by Basic", "revoke", "introspect"),
    *("own sessions", "own devices", "a site's own view"),
]


@pytest.mark.parametrize("debug", [True, False], ids=["DEBUG", "production"])
@pytest.mark.parametrize("name", CALLS)
def test_no_error_page_mail_or_log_shows_a_secret(
    site: Site, mails, caplog, settings, monkeypatch, name, debug
):
    settings.DEBUG = debug
    caplog.set_level(logging.DEBUG)
    flow, what, call = site.calls()[name]
    CACHE.clear()
    break_(monkeypatch, flow, what)

    answer = call()

    assert answer.status_code == 500
    pages = [answer.content.decode()]
    pages += [str(part) for sent in mails for part in (sent.body, *(text for text, _ in sent.alternatives))]
    pages += [repr(vars(record)) + caplog.text for record in caplog.records]
    assert "boom" in (pages[0] if debug else mails[0].body)
    shown = [secret for secret in site.secrets for page in pages if secret in html.unescape(page)]
    assert shown == []


def test_the_second_step_shows_neither_challenge_nor_response(http: Http, ada, web, settings, monkeypatch):
    settings.DEBUG = True
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "LOGIN_CHALLENGE": lambda user, client, device, request: Challenge(("totp",)),
        "LOGIN_VERIFY": boom,
    }
    body = {"username": "ada", "password": PASSWORD, "client_id": "web"}
    challenge = http.post(LOGIN, body).json()["challenge"]

    answer = http.post(
        f"{LOGIN}continue/",
        {"challenge": challenge, "method": "totp", "response": RESPONSE, "client_id": "web"},
    )

    page = html.unescape(answer.content.decode())
    assert answer.status_code == 500
    assert "boom" in page
    assert challenge not in page
    assert RESPONSE not in page


def test_a_backend_that_fails_shows_no_password(http: Http, ada, web, settings, monkeypatch):
    settings.DEBUG = True
    monkeypatch.setattr("django.contrib.auth.hashers.check_password", boom)
    monkeypatch.setattr("django.contrib.auth.models.AbstractBaseUser.check_password", boom)

    answer = http.post(LOGIN, {"username": "ada", "password": PASSWORD, "client_id": "web"})

    assert answer.status_code == 500
    assert PASSWORD not in html.unescape(answer.content.decode())


class HidesTheWordBoom(SafeExceptionReporterFilter):
    def get_safe_request_meta(self, request):
        return {"THE_SITES_OWN": "filter"}


def test_a_filter_of_the_sites_own_goes_on_filtering(site: Site, settings, monkeypatch):
    settings.DEBUG = True
    settings.DEFAULT_EXCEPTION_REPORTER_FILTER = f"{__name__}.HidesTheWordBoom"
    for cached in (get_default_exception_reporter_filter, error_pages.default):
        cached.cache_clear()
    flow, what, call = site.calls()["a site's own view"]
    CACHE.clear()
    break_(monkeypatch, flow, what)

    page = call().content.decode()

    for cached in (get_default_exception_reporter_filter, error_pages.default):
        cached.cache_clear()
    assert "THE_SITES_OWN" in page


def test_what_carries_a_secret_has_a_repr_without_it(http: Http, ada, web):
    sent = Parameters({"password": PASSWORD, "client_secret": PASSWORD, "token": PASSWORD})
    http.log_in(ada, web)
    carriers = [
        sent,
        sent.hidden("password"),
        sent.required_hidden("client_secret"),
        sent.token("token"),
        {"locals": (sent.token("token"),)},
        Asked(client=None, key=PASSWORD),
        Owner(user=ada, claims=None, policy=None, password=PASSWORD),
    ]

    assert PASSWORD not in repr(carriers)
    assert TokenFamily.objects.get().secret.hex()[:16] not in repr(TokenFamily.objects.get())
    assert sent.token("token") == PASSWORD
