"""F16: stale credentials travel along with every call, the one that would mend them included."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser
from rest_framework import exceptions, negotiation, parsers, permissions, renderers, throttling, versioning
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import INTROSPECT, LOGIN, REFRESH, REVOKE, TOKEN, Http
from tests.sessions import log_in
from tokenauth.flows import revoke
from tokenauth.models import TokenFamily
from tokenauth.revocation.subjects import OfFamily

pytestmark = pytest.mark.django_db

ME = "/api/me/"


@dataclass
class World:
    """Who asks the token endpoints, and with what."""

    tokens: dict[str, Any]
    resource_secret: str

    def calls(self) -> dict[str, tuple[str, str, str]]:
        """Each call to the token endpoints: path, media type, body. None of them changes anything."""
        introspects = {"client_id": "orders", "client_secret": self.resource_secret}
        form = "application/x-www-form-urlencoded"
        return {
            "a wrong password": (LOGIN, "application/json", json.dumps(self.login("wrong"))),
            "an unreadable login": (LOGIN, "application/json", "{"),
            "a login of another type": (LOGIN, "text/plain", "x"),
            "a wrong challenge": (
                "/auth/login/continue/",
                "application/json",
                json.dumps({"challenge": "tkc_x", "method": "m", "response": "r", "client_id": "web"}),
            ),
            "an unknown refresh token": (REFRESH, "application/json", json.dumps(self.refresh("tkr_x"))),
            "a refresh by form": (REFRESH, form, urlencode(self.refresh("tkr_x"))),
            "another grant": (TOKEN, form, "grant_type=password&client_id=web"),
            "an unknown token to revoke": (REVOKE, form, "token=x&client_id=web"),
            "an unknown client": (REVOKE, form, "token=x&client_id=nobody"),
            "a token that is active": (
                INTROSPECT,
                form,
                urlencode({"token": self.tokens["access_token"], **introspects}),
            ),
            "a token that is not": (INTROSPECT, form, urlencode({"token": "x", **introspects})),
            "a wrong secret": (INTROSPECT, form, "token=x&client_id=orders&client_secret=wrong"),
        }

    @staticmethod
    def login(password: str = PASSWORD) -> dict[str, Any]:
        return {"username": "ada", "password": password, "client_id": "web"}

    @staticmethod
    def refresh(token: str) -> dict[str, Any]:
        return {"refresh_token": token, "client_id": "web"}


@pytest.fixture
def world(http: Http, ada, web, clock) -> World:
    resource = ClientFactory(client_id="orders", resource=True, audiences=["https://issuer.test"])
    return World(http.log_in(ada, web), secret_of(resource))


def expired(clock: Any) -> str:
    token = log_in().pair.access_token
    clock.shift(3_600)
    return token


def revoked(clock: Any) -> str:
    session = log_in()
    revoke(OfFamily(session.family_id))
    return session.pair.access_token


def garbage(clock: Any) -> str:
    return "expired.garbage.token"


def not_even_a_token(clock: Any) -> str:
    return "x y, Basic Zm9v"


STALE = pytest.mark.parametrize("stale", [expired, revoked, garbage, not_even_a_token])


def send(browser: Browser, call: tuple[str, str, str], **headers: str) -> Any:
    path, media_type, body = call
    return browser.post(path, data=body, content_type=media_type, secure=True, headers=headers)


def seen(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer but the id of its request."""
    return (
        answer.status_code,
        answer.content,
        {name: value for name, value in answer.headers.items() if name != "X-Request-ID"},
    )


def answers(browser: Browser, world: World, **headers: str) -> dict[str, Any]:
    """The answer to each call."""
    return {name: seen(send(browser, call, **headers)) for name, call in world.calls().items()}


@STALE
def test_a_stale_bearer_changes_no_byte(client, world: World, clock, stale):
    token = stale(clock)

    without, with_it = answers(client, world), answers(client, world, Authorization=f"Bearer {token}")

    assert with_it == without


@pytest.fixture
def operator(ada) -> Browser:
    """A browser that is logged in to the admin, checks CSRF, and sends no CSRF token."""
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(UserFactory(username="root", is_staff=True, is_superuser=True))
    assert browser.get("/admin/", secure=True).status_code == 200
    return browser


def test_a_session_of_the_admin_without_a_csrf_token_changes_no_byte(client, operator, world: World):
    assert answers(operator, world) == answers(client, world)


@STALE
def test_login_and_refresh_work_with_a_stale_bearer(http: Http, ada, web, clock, stale):
    header = {"Authorization": f"Bearer {stale(clock)}"}

    answer = http.post(LOGIN, World.login(), **header)
    again = http.post(REFRESH, World.refresh(answer.json()["refresh_token"]), **header)

    assert (answer.status_code, again.status_code) == (200, 200)
    assert http.get(ME, bearer=again.json()["access_token"]).status_code == 200


def test_login_and_refresh_work_with_a_session_of_the_admin(http: Http, operator, ada, web):
    http = Http(operator)

    answer = http.post(LOGIN, World.login())
    again = http.post(REFRESH, World.refresh(answer.json()["refresh_token"]))

    assert (answer.status_code, again.status_code) == (200, 200)
    assert TokenFamily.objects.get().user_key == str(ada.pk)


def test_logging_out_with_an_expired_access_token_works(http: Http, ada, web, clock):
    tokens = http.log_in(ada, web)
    clock.shift(3_600)

    answer = http.form(
        REVOKE, {"token": tokens["refresh_token"], "client_id": "web"}, bearer=tokens["access_token"]
    )

    assert answer.status_code == 200
    assert TokenFamily.objects.get().cause == "logged_out"


class Never(permissions.BasePermission, throttling.BaseThrottle):
    """A permission that nobody has and a throttle that lets nobody through."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return False

    def allow_request(self, request: Any, view: Any) -> bool:
        return False


class NeedsVersion(versioning.BaseVersioning):
    def determine_version(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        raise exceptions.NotAcceptable


class AnswersXml(negotiation.BaseContentNegotiation):
    def select_parser(self, request: Any, parsers: Any) -> Any:
        return None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        raise exceptions.NotAcceptable


def teapot(exc: Exception, context: Any) -> Response:
    """A site's own error handler."""
    return Response({"detail": "site"}, status=418)


#: What a site's REST_FRAMEWORK makes of every view that does not say otherwise.
DEFAULTS: dict[str, Any] = {
    "authentication_classes": [SessionAuthentication, BasicAuthentication],
    "permission_classes": [permissions.IsAuthenticated, Never],
    "parser_classes": [parsers.MultiPartParser],
    "renderer_classes": [renderers.StaticHTMLRenderer],
    "throttle_classes": [Never],
    "content_negotiation_class": AnswersXml,
    "versioning_class": NeedsVersion,
}


def with_defaults(monkeypatch: pytest.MonkeyPatch, settings: Any, names: list[str]) -> None:
    # DRF reads most of its settings once, into attributes of the base class
    for name in names:
        monkeypatch.setattr(APIView, name, DEFAULTS[name])
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "EXCEPTION_HANDLER": f"{__name__}.teapot",
        "COMPACT_JSON": False,
        "UNICODE_JSON": False,
        "URL_FORMAT_OVERRIDE": "client_id",
    }


@pytest.mark.parametrize("default", [*DEFAULTS, "all of them"])
def test_a_sites_defaults_change_no_byte(client, world: World, monkeypatch, settings, default):
    before = answers(client, world)

    with_defaults(monkeypatch, settings, [*DEFAULTS] if default == "all of them" else [default])

    assert answers(client, world, Accept="text/html") == before


def test_a_site_that_refuses_everything_by_default_still_logs_in(http: Http, ada, web, monkeypatch, settings):
    with_defaults(monkeypatch, settings, [*DEFAULTS])

    tokens = http.log_in(ada, web)

    sessions = http.get("/auth/sessions/", bearer=tokens["access_token"])

    assert sessions.status_code == 200
    assert http.refresh(tokens, web).status_code == 200
