"""django-hijack: whoever acts in a user's name gets tokens that say so, for a short time."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import DEVICES, INTROSPECT, REVOKE, SESSIONS, Http
from tests.sessions import BACKEND, claims_of
from tokenauth.audit.verification import faults
from tokenauth.flows import revoke
from tokenauth.flows.housekeeping.stamp import stamp
from tokenauth.models import TokenEvent, TokenFamily
from tokenauth.models.event import EventKind
from tokenauth.revocation.subjects import OfUser

IMPERSONATION = "/auth/impersonation/"
ME, PAYMENTS = "/api/me/", "/api/payments/"


@pytest.fixture
def support(db: None) -> Any:
    return UserFactory(username="support", is_superuser=True, is_staff=True)


@pytest.fixture
def desk(support) -> Http:
    """The browser of the support, logged in by its Django session."""
    browser = Browser()
    browser.force_login(support, backend=BACKEND)
    return Http(browser)


def acquire(desk: Http, user: Any) -> None:
    answer = desk.form("/hijack/acquire/", {"user_pk": user.pk, "next": "/"})
    assert answer.status_code == 302, answer.content


def release(desk: Http) -> None:
    answer = desk.form("/hijack/release/", {"next": "/"})
    assert answer.status_code == 302, answer.content


def ask(desk: Http, **more: Any) -> Any:
    return desk.post(IMPERSONATION, {"client_id": "web", **more})


def acted(desk: Http, user: Any, **more: Any) -> dict[str, Any]:
    """Hijack a user and get tokens in his name."""
    acquire(desk, user)
    answer = ask(desk, **more)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_the_token_is_the_users_and_names_who_acts(desk: Http, support, ada, web):
    tokens = acted(desk, ada)

    claims, family = claims_of(tokens["access_token"]), TokenFamily.objects.get()
    assert (claims.sub, claims.act, claims.payload["act"]) == (
        str(ada.pk),
        str(support.pk),
        {"sub": str(support.pk)},
    )
    assert (family.user_key, family.impersonator, family.backend) == (str(ada.pk), str(support.pk), BACKEND)
    assert Http(Browser()).get(ME, bearer=tokens["access_token"]).json()["user"] == ada.pk


def test_a_refresh_keeps_the_mark_and_a_revocation_ends_it(desk: Http, support, ada, web):
    tokens = desk.refresh(acted(desk, ada), web).json()
    assert claims_of(tokens["access_token"]).act == str(support.pk)

    desk.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})

    assert desk.get(ME, bearer=tokens["access_token"]).status_code == 401
    assert TokenFamily.objects.get().actor == str(support.pk)


def test_every_event_names_who_acted_and_the_trail_verifies(desk: Http, support, ada, web, clock):
    tokens = acted(desk, ada)
    desk.refresh(tokens, web)
    desk.refresh(tokens, web)
    clock.shift(60)
    tokens = desk.refresh(tokens, web).json()
    desk.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})

    events = TokenEvent.objects.filter(user_key=str(ada.pk))

    assert [EventKind(event.kind).name for event in events.order_by("id")] == [
        "ISSUED",
        "ROTATED",
        "REPEATED",
        "LATE_REPEAT",
        "ENDED",
    ]
    assert {event.actor for event in events} == {str(support.pk)}
    assert list(faults()) == []


def test_a_users_own_events_name_no_other(http: Http, ada, web):
    http.refresh(http.log_in(ada, web), web)

    assert {event.actor for event in TokenEvent.objects.filter(user_key=str(ada.pk))} == {""}


def test_introspection_shows_who_acts_and_no_more(desk: Http, support, ada, web):
    server = ClientFactory(client_id="orders-api", resource=True, audiences=["https://issuer.test"])
    secret = secret_of(server)
    revoke(OfUser(str(support.pk)))  # so that the epoch of the support is one worth hiding
    tokens = acted(desk, ada)

    body = {"token": tokens["access_token"], "client_id": "orders-api", "client_secret": secret}
    shown = desk.form(INTROSPECT, body).json()

    assert (shown["active"], shown["sub"], shown["act"]) == (True, str(ada.pk), {"sub": str(support.pk)})


class TestItIsShort:
    def test_it_ends_after_its_own_limit_whatever_the_policy(self, desk: Http, ada, web, settings, clock):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "IMPERSONATION_LIFETIME": 600}
        tokens = acted(desk, ada)
        assert tokens["refresh_expires_in"] == 600
        clock.shift(590)
        tokens = desk.refresh(tokens, web).json()
        assert (tokens["refresh_expires_in"], tokens["expires_in"]) == (10, 10)
        clock.shift(11)

        assert desk.refresh(tokens, web).status_code == 400

    def test_an_hour_where_the_site_says_nothing(self, desk: Http, ada, web):
        acted(desk, ada)

        family = TokenFamily.objects.get()
        assert family.absolute_expires_at - family.created_at == timedelta(hours=1)

    def test_the_release_ends_it(self, desk: Http, support, ada, web):
        tokens = acted(desk, ada)

        release(desk)

        assert desk.get(ME, bearer=tokens["access_token"]).status_code == 401
        assert desk.refresh(tokens, web).status_code == 400
        family = TokenFamily.objects.get()
        assert (family.cause, family.actor) == ("logged_out", str(support.pk))

    def test_a_logout_instead_of_a_release_ends_it_too(self, desk: Http, ada, web):
        tokens = acted(desk, ada)

        desk.form("/accounts/logout/", {})

        assert desk.get(ME, bearer=tokens["access_token"]).status_code == 401

    def test_that_logout_is_not_the_users(self, http: Http, desk: Http, ada, web, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "END_ON_LOGOUT": True}
        own = http.log_in(ada, web)
        acquire(desk, ada)

        desk.form("/accounts/logout/", {})

        assert http.get(ME, bearer=own["access_token"]).status_code == 200

    def test_a_release_ends_nothing_of_the_user_and_nothing_of_another_who_acts(
        self, http: Http, desk: Http, ada, web
    ):
        own = http.log_in(ada, web)
        colleague = UserFactory(username="colleague", is_superuser=True)
        other = Http(Browser())
        other.browser.force_login(colleague, backend=BACKEND)
        others = acted(other, ada)
        acted(desk, ada)

        release(desk)

        assert http.get(ME, bearer=own["access_token"]).status_code == 200
        assert http.get(ME, bearer=others["access_token"]).status_code == 200


class TestWhoActsStaysWhoHeIs:
    def test_of_two_hijacks_in_a_row_the_first_hijacker_acts(self, desk: Http, support, ada, web):
        lead = UserFactory(username="lead", is_superuser=True)
        acquire(desk, lead)
        tokens = acted(desk, ada)
        assert claims_of(tokens["access_token"]).act == str(support.pk)

        release(desk)

        assert desk.get(ME, bearer=tokens["access_token"]).status_code == 401

    @pytest.mark.parametrize("how", ["disabled", "new password", "revoked", "deleted"])
    @pytest.mark.usefixtures("both_modes")
    def test_with_his_own_account_he_loses_what_he_has_of_others(self, desk: Http, support, ada, web, how):
        tokens = acted(desk, ada)
        match how:
            case "disabled":
                support.is_active = False
                support.save()
            case "new password":
                support.set_password("another")
                support.save()
            case "revoked":
                revoke(OfUser(str(support.pk)))
            case "deleted":
                support.delete()

        other = Http(Browser())
        assert other.get(ME, bearer=tokens["access_token"]).status_code == 401
        assert other.refresh(tokens, web).status_code == 400
        assert TokenFamily.objects.get().cause == "account_gone"

    def test_the_users_list_shows_it_no_longer_and_housekeeping_stamps_it(
        self, http: Http, desk: Http, support, ada, web
    ):
        own = http.log_in(ada, web)
        acted(desk, ada)
        revoke(OfUser(str(support.pk)))

        listed = http.get(SESSIONS, bearer=own["access_token"]).json()["results"]

        assert [each["id"] for each in listed] == [own["session_id"]]
        assert stamp(timezone.now()) == 1
        assert TokenFamily.objects.get(impersonator=str(support.pk)).cause == "account_changed"

    @pytest.mark.usefixtures("triggers")
    def test_also_when_an_update_that_no_signal_sees_disables_him(self, desk: Http, support, ada, web):
        tokens = acted(desk, ada)
        type(support).objects.filter(pk=support.pk).update(is_active=False)

        assert Http(Browser()).get(ME, bearer=tokens["access_token"]).status_code == 401
        assert ask(desk).status_code == 400

    def test_who_was_disabled_gets_no_more_in_a_session_that_still_stands(
        self, desk: Http, support, ada, web
    ):
        acquire(desk, ada)
        support.is_active = False
        support.save()

        answer = ask(desk)

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    def test_the_users_own_disabling_ends_it_as_well(self, desk: Http, ada, web):
        tokens = acted(desk, ada)
        ada.is_active = False
        ada.save()

        assert Http(Browser()).get(ME, bearer=tokens["access_token"]).status_code == 401


class TestTheUser:
    def test_sees_it_among_his_sessions_marked_and_can_end_it(self, http: Http, desk: Http, ada, web):
        own, others = http.log_in(ada, web), acted(desk, ada)

        listed = http.get(SESSIONS, bearer=own["access_token"])

        marked = {each["id"]: each["impersonated"] for each in listed.json()["results"]}
        assert marked == {own["session_id"]: False, others["session_id"]: True}
        assert b"support" not in listed.content
        ended = http.delete(f"{SESSIONS}{others['session_id']}/", bearer=own["access_token"])
        assert ended.status_code == 204
        assert desk.get(ME, bearer=others["access_token"]).status_code == 401

    def test_loses_none_of_his_own_to_it(self, http: Http, desk: Http, ada, web, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 1}
        own = http.log_in(ada, web, device={"id": "laptop"})

        acted(desk, ada, device={"id": "laptop"})

        assert http.get(ME, bearer=own["access_token"]).status_code == 200

    def test_his_logins_do_not_count_it_against_him(self, http: Http, desk: Http, ada, web, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 2}
        first = http.log_in(ada, web)
        acted(desk, ada)

        http.log_in(ada, web)

        assert http.get(ME, bearer=first["access_token"]).status_code == 200


class TestWhatHeMayNot:
    def test_ending_the_users_other_sessions_needs_the_users_password(self, http: Http, desk: Http, ada, web):
        own, others = http.log_in(ada, web), acted(desk, ada)
        bearer = others["access_token"]

        refused = [
            desk.delete(f"{SESSIONS}{own['session_id']}/", bearer=bearer),
            desk.post(f"{SESSIONS}revoke-others/", bearer=bearer),
            desk.post(f"{SESSIONS}revoke-all/", bearer=bearer),
            desk.post(f"{DEVICES}{own['device_id']}/revoke/", bearer=bearer),
            desk.post(f"{SESSIONS}revoke-all/", {"password": "of the support"}, bearer=bearer),
        ]

        assert {answer.status_code for answer in refused} == {401}
        assert {answer.json()["error"] for answer in refused} == {"insufficient_user_authentication"}
        assert http.get(ME, bearer=own["access_token"]).status_code == 200
        assert http.post(f"{SESSIONS}revoke-all/", bearer=own["access_token"]).status_code == 200

    def test_ending_his_own_needs_nothing(self, desk: Http, support, ada, web):
        tokens = acted(desk, ada)

        answer = desk.delete(f"{SESSIONS}{tokens['session_id']}/", bearer=tokens["access_token"])

        assert answer.status_code == 204
        assert TokenFamily.objects.get().actor == str(support.pk)

    def test_a_view_may_keep_him_out(self, http: Http, desk: Http, ada, web):
        own, others = http.log_in(ada, web), acted(desk, ada)

        assert http.get(PAYMENTS, bearer=own["access_token"]).status_code == 200
        assert desk.get(PAYMENTS, bearer=others["access_token"]).status_code == 403


class TestWhoGetsNone:
    def test_a_session_in_which_nobody_is_hijacked(self, desk: Http, ada, web):
        assert ask(desk).status_code == 403
        acquire(desk, ada)
        release(desk)
        assert ask(desk).status_code == 403
        assert not TokenFamily.objects.exists()

    def test_a_stranger(self, http: Http, web):
        answer = http.post(IMPERSONATION, {"client_id": "web"})

        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')

    def test_a_token_is_no_session(self, http: Http, desk: Http, ada, web):
        tokens = acted(desk, ada)

        assert (
            http.post(IMPERSONATION, {"client_id": "web"}, bearer=tokens["access_token"]).status_code == 401
        )

    def test_a_page_of_another_site(self, support, ada, web):
        """The session's cookie alone is not enough: the CSRF token is asked for."""
        strict = Http(Browser(enforce_csrf_checks=True))
        strict.browser.force_login(support, backend=BACKEND)
        session = strict.browser.session
        session["hijack_history"] = [str(support.pk)]
        session.save()

        assert ask(strict).status_code == 403
        assert not TokenFamily.objects.exists()

    def test_a_client_that_is_not_the_sites_own(self, desk: Http, ada, web):
        ClientFactory(client_id="partner", first_party=False)
        acquire(desk, ada)

        assert ask(desk, client_id="partner").json()["error"] == "unauthorized_client"
        assert ask(desk, client_id="nobody").json()["error"] == "invalid_client"

    def test_a_grown_scope(self, desk: Http, ada, web):
        acquire(desk, ada)

        assert ask(desk, scope="admin").json()["error"] == "invalid_scope"
        assert ask(desk, scope="orders:read").json()["scope"] == "orders:read"


def test_a_login_by_password_beside_a_hijacked_cookie_is_the_users_own(desk: Http, ada, web):
    acquire(desk, ada)

    body = {"username": "ada", "password": PASSWORD, "client_id": "web"}
    tokens = desk.post("/auth/login/", body).json()

    assert claims_of(tokens["access_token"]).act == ""
