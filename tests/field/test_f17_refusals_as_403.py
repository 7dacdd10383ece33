"""F17: where another class stands first, DRF answers an expired token 403, and the app never refreshes."""

import pytest
from django.core import checks as django_checks
from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.views import APIView

from tests import urls
from tests.http import DEVICES, SESSIONS, Http
from tests.views import Me
from tokenauth.api.authentication import TokenAuthentication

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

SESSION = "rest_framework.authentication.SessionAuthentication"
OURS = "tokenauth.api.authentication.TokenAuthentication"


class SessionsFirst(Me):
    """A view of a site whose defaults name another class first."""

    authentication_classes = (SessionAuthentication, TokenAuthentication)


class OursFirst(Me):
    """The same with the list that the check proposes."""

    authentication_classes = (TokenAuthentication, SessionAuthentication)


urlpatterns = [
    *urls.urlpatterns,
    path("api/sessions-first/", SessionsFirst.as_view()),
    path("api/ours-first/", OursFirst.as_view()),
]


@pytest.fixture
def sessions_first(settings, monkeypatch) -> None:
    """The site's own order, as DRF reads it and as its base class has it."""
    monkeypatch.setattr(APIView, "authentication_classes", [SessionAuthentication, TokenAuthentication])
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_AUTHENTICATION_CLASSES": [SESSION, OURS],
    }


@pytest.fixture
def expired(http: Http, ada, web, clock) -> str:
    token = http.log_in(ada, web)["access_token"]
    clock.shift(3_600)
    return str(token)


def test_this_is_what_drf_does(http: Http, expired):
    answer = http.get("/api/sessions-first/", bearer=expired)

    assert (answer.status_code, answer.has_header("WWW-Authenticate")) == (403, False)


@pytest.mark.usefixtures("sessions_first")
def test_a_check_warns_with_the_mended_list(db):
    (warning,) = [found for found in django_checks.run_checks() if found.id == "tokenauth.W006"]

    assert f"[{OURS!r}, {SESSION!r}]" in (warning.hint or "")


def test_the_mended_list_answers_401(http: Http, expired):
    answer = http.get("/api/ours-first/", bearer=expired)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@pytest.mark.usefixtures("sessions_first")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", SESSIONS),
        ("get", DEVICES),
        ("post", "/auth/sessions/revoke-others/"),
        ("post", "/auth/sessions/revoke-all/"),
        ("delete", "/auth/sessions/00000000-0000-0000-0000-000000000000/"),
        ("post", "/auth/devices/00000000-0000-0000-0000-000000000000/revoke/"),
    ],
)
def test_our_own_views_answer_401_whatever_the_sites_order(http: Http, expired, method, path):
    answer = getattr(http, method)(path, bearer=expired)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@pytest.mark.usefixtures("sessions_first")
def test_a_session_of_the_admin_does_not_open_our_views(http: Http, ada, web):
    http.browser.force_login(ada)

    assert http.get(SESSIONS).status_code == 401
