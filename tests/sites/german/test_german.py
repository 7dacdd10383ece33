"""A site in German: its people read German, its clients' developers English."""

from typing import Any

import pytest
from django.utils import translation

from tests.http import DEVICES, INTROSPECT, LOGIN, REFRESH, REVOKE, SESSIONS, TOKEN, Http
from tests.sites import everyday
from tests.sites.everyday import ME

pytestmark = pytest.mark.django_db(transaction=True)

LANGUAGES = ["", "de", "de-AT,fr;q=0.5", "en", "zh-hans"]


def refusals(http: Http, language: str) -> dict[str, Any]:
    """One refused request of each endpoint, and of the parsers before them."""
    spoken = {"Accept_Language": language} if language else {}
    unknown = {"client_id": "nobody"}
    return {
        "login": http.post(LOGIN, {"username": "ada", "password": "wrong", "client_id": "web"}, **spoken),
        "empty login": http.post(LOGIN, {}, **spoken),
        "refresh": http.post(REFRESH, {"refresh_token": "x", "client_id": "web"}, **spoken),
        "token": http.form(TOKEN, {"grant_type": "password", "client_id": "web"}, **spoken),
        "revoke": http.form(REVOKE, {"token": "x", **unknown}, **spoken),
        "introspect": http.form(INTROSPECT, {"token": "x", **unknown}, **spoken),
        "sessions": http.get(SESSIONS, **spoken),
        "devices": http.get(DEVICES, bearer="x", **spoken),
        "a method": http.get(LOGIN, **spoken),
        "a media type": http.browser.post(LOGIN, "x", content_type="text/plain", secure=True),
    }


class TestEndpoints(everyday.Endpoints):
    pass


def test_the_site_speaks_german(http: Http):
    with translation.override(None):
        translation.activate("de")
        assert translation.gettext("Password") == "Passwort"

    assert http.get(ME, Accept_Language="de").headers["Content-Language"] == "de"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_clients_read_is_english_ascii(http: Http, ada, web, language):
    english = refusals(http, "en")

    for name, answer in refusals(http, language).items():
        assert answer.status_code >= 400, name
        assert answer.content.isascii(), name
        assert answer.json() == english[name].json(), name
        assert {"error", "error_description"} <= answer.json().keys(), name


class TestAdmin(everyday.Admin):
    def test_it_speaks_german_around_our_words(self, http: Http, ada, web, operator):
        http.log_in(ada, web)

        content = operator.get("/admin/").content.decode()

        assert 'lang="de"' in content
        assert "Abmelden" in content
