"""The defaults of cookiecutter-django: DRF's own authentication beside ours, ATOMIC_REQUESTS, throttles,
versions, a schema and an exception handler."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from rest_framework.authtoken.models import Token

from tests.factories import PASSWORD
from tests.http import LOGIN, REFRESH, REVOKE, Http
from tokenauth.models import TokenFamily

ME = "/api/me/"


def test_log_in_refresh_revoke_and_the_access_token_is_refused(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    refreshed = http.refresh(tokens, web).json()
    assert http.get(ME, bearer=refreshed["access_token"]).json()["user"] == ada.pk

    answer = http.form(REVOKE, {"token": refreshed["refresh_token"], "client_id": "web"})

    refused = http.get(ME, bearer=refreshed["access_token"])
    assert (answer.status_code, refused.status_code) == (200, 401)
    assert refused["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert refused.json() == {"errors": {"detail": "The access token is not valid."}}
    assert http.refresh(refreshed, web).json()["error"] == "invalid_grant"


def test_a_disabled_users_tokens_are_dead_and_he_gets_no_new_ones(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    ada.is_active = False
    ada.save()

    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
    assert http.refresh(tokens, web).json()["error"] == "invalid_grant"
    again = http.post(LOGIN, {"username": "ada", "password": PASSWORD, "client_id": "web"})
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.usefixtures("triggers")
def test_a_user_disabled_by_an_update_has_dead_tokens_too(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    type(ada).objects.filter(pk=ada.pk).update(is_active=False)

    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401


def test_each_credential_goes_to_its_own_class(http: Http, ada, web):
    bearer = http.log_in(ada, web)["access_token"]
    own = Token.objects.create(user=ada)

    by_ours = http.get(ME, bearer=bearer)
    by_drfs = http.get(ME, Authorization=f"Token {own.key}")
    http.browser.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    by_session = http.get(ME)

    assert by_ours.json()["by"] == "tokenauth.api.authentication"
    assert {by_drfs.json()["by"], by_session.json()["by"]} == {"rest_framework.authentication"}


def test_a_session_cookie_beside_a_dead_token_does_not_let_in(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})
    http.browser.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")

    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401


def test_theft_is_written_although_refused_requests_are_rolled_back(http: Http, ada, web, clock):
    stolen = http.log_in(ada, web)
    tokens = http.refresh(http.refresh(stolen, web).json(), web).json()
    assert http.get("/api/refuses/", bearer=tokens["access_token"]).status_code == 403
    assert not Group.objects.exists()
    clock.shift(60)

    assert http.refresh(stolen, web).status_code == 400

    assert TokenFamily.objects.get().cause == "reuse"
    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401


def test_throttles_versions_and_handler_of_the_site_do_not_reach_our_endpoints(http: Http, ada, web):
    """`anon` allows three requests a minute, and knows two versions."""
    hostile: dict[str, Any] = {"Accept": "application/json; version=9"}

    answers = [http.post(REFRESH, {"refresh_token": "x", "client_id": "web"}, **hostile) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {400}
    assert all(answer.json()["error"] == "invalid_grant" for answer in answers)
    assert http.get(ME, **hostile).status_code == 406


def test_the_schema_has_the_sites_views_and_ours(http: Http, ada, web):
    bearer = http.log_in(ada, web)["access_token"]

    schema = http.get("/api/schema/", bearer=bearer).content.decode()

    assert "/api/me/" in schema
    assert "/auth/token/refresh/" in schema


def test_the_checks_find_nothing_wrong_with_the_site():
    call_command("check", fail_level="WARNING")
