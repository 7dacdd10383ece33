"""allauth's headless API for apps, with our token strategy."""

import base64
import re
import time
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django_otp.oath import TOTP

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import REVOKE, SESSIONS, Http
from tests.sessions import claims_of
from tokenauth.checks import bridges
from tokenauth.errors import Cause, Refused
from tokenauth.flows import revoke
from tokenauth.models import Client, Device, TokenFamily
from tokenauth.revocation.subjects import Everything, OfClient, OfFamily, OfUser

APP = "/_allauth/app/v1"
LOGIN, SESSION, SIGNUP = f"{APP}/auth/login", f"{APP}/auth/session", f"{APP}/auth/signup"
CHANGE, TOTP_DEVICE = f"{APP}/account/password/change", f"{APP}/account/authenticators/totp"
REAUTHENTICATE = f"{APP}/auth/reauthenticate"
REFRESH = f"{APP}/tokens/refresh"
ME, PASSWORD_VIEW = "/api/me/", "/api/password/"
NEW_PASSWORD = "another battery staple"


@pytest.fixture(autouse=True)
def phone(db: None) -> Client:
    """The first of ALLAUTH_CLIENTS. Not first-party: allauth is its only door."""
    made: Client = ClientFactory(client_id="phone", mobile=True, first_party=False)
    return made


@pytest.fixture(autouse=True)
def tablet(db: None) -> Client:
    made: Client = ClientFactory(client_id="tablet", first_party=False)
    return made


def log_in(http: Http, password: str = PASSWORD, **headers: Any) -> Any:
    return http.post(LOGIN, {"username": "ada", "password": password}, **headers)


def tokens_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return dict(answer.json()["meta"])


def session_by(http: Http, **headers: Any) -> int:
    """How allauth answers when the app asks whether it is logged in."""
    status: int = http.get(SESSION, **headers).status_code
    return status


def test_a_login_through_allauth_makes_one_of_our_sessions(http: Http, ada):
    tokens = tokens_of(log_in(http))

    family, claims = TokenFamily.objects.get(), claims_of(tokens["access_token"])
    assert (str(family.id), family.user_key, family.client.client_id) == (
        tokens["session_id"],
        str(ada.pk),
        "phone",
    )
    assert (claims.client_id, claims.amr) == ("phone", ("pwd",))
    assert family.backend == "django.contrib.auth.backends.ModelBackend"
    assert http.get(ME, bearer=tokens["access_token"]).json()["user"] == ada.pk
    assert {"token_type", "expires_in", "refresh_expires_in", "device_id", "scope"} < tokens.keys()


def test_log_in_refresh_revoke_and_all_of_it_is_refused(http: Http, ada, phone):
    first = tokens_of(log_in(http))
    tokens = http.refresh(first, phone).json()
    assert http.get(ME, bearer=tokens["access_token"]).status_code == 200

    http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "phone"})

    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
    assert http.refresh(tokens, phone).status_code == 400
    assert session_by(http, X_Session_Token=first["session_token"]) == 410
    assert session_by(http, bearer=tokens["access_token"]) == 401


def test_allauths_own_refresh_goes_through_our_rotation(http: Http, ada, phone, clock):
    stolen = tokens_of(log_in(http))
    data = http.post(REFRESH, {"refresh_token": stolen["refresh_token"]}).json()["data"]
    assert TokenFamily.objects.get().generation == 1
    assert http.get(ME, bearer=data["access_token"]).status_code == 200
    data = http.post(REFRESH, {"refresh_token": data["refresh_token"]}).json()["data"]
    clock.shift(60)

    theft = http.post(REFRESH, {"refresh_token": stolen["refresh_token"]})

    assert theft.status_code == 400
    assert TokenFamily.objects.get().cause == "reuse"
    assert http.get(ME, bearer=data["access_token"]).status_code == 401


def test_a_refresh_that_cannot_be_answered_now_is_no_logout(http: Http, ada, monkeypatch):
    tokens = tokens_of(log_in(http))
    monkeypatch.setattr(
        "tokenauth.contrib.allauth.rotate", lambda *a, **k: Refused(Cause.BUSY, retry_after=1)
    )

    answer = http.post(REFRESH, {"refresh_token": tokens["refresh_token"]})

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json()["errors"][0]["code"] == "temporarily_unavailable"


def test_allauths_refresh_is_for_the_clients_of_allauth_alone(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    assert http.post(REFRESH, {"refresh_token": tokens["refresh_token"]}).status_code == 400
    assert TokenFamily.objects.get().generation == 0
    assert http.refresh(tokens, web).status_code == 200


def test_the_access_token_leads_allauth_to_its_session(http: Http, ada):
    tokens = tokens_of(log_in(http))

    answer = http.get(SESSION, bearer=tokens["access_token"])

    assert (answer.status_code, answer.json()["data"]["user"]["username"]) == (200, "ada")
    assert answer.json()["data"]["methods"][0]["method"] == "password"


def test_state_that_allauth_keeps_is_kept_for_the_access_token(http: Http, ada, phone):
    """Three requests that share what each put into the session, with a refresh between them."""
    tokens = tokens_of(log_in(http))
    http.post(REAUTHENTICATE, {"password": PASSWORD}, bearer=tokens["access_token"])
    secret = http.get(TOTP_DEVICE, bearer=tokens["access_token"]).json()["meta"]["secret"]
    tokens = http.refresh(tokens, phone).json()

    answer = http.post(TOTP_DEVICE, {"code": _code(secret)}, bearer=tokens["access_token"])

    assert answer.status_code == 200
    assert answer.json()["data"]["type"] == "totp"


def test_an_access_token_of_another_login_has_no_session_there(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    assert session_by(http, bearer=tokens["access_token"]) == 401
    assert not Session.objects.exists()


def test_the_key_of_a_session_cannot_be_told_from_its_tokens(http: Http, ada):
    tokens = tokens_of(log_in(http))

    assert Session.objects.get().session_key == tokens["session_token"]
    assert session_by(http, X_Session_Token=tokens["session_id"]) == 410
    assert session_by(http, X_Session_Token=tokens["access_token"]) == 410


def test_logging_out_of_allauth_ends_the_family(http: Http, ada, phone):
    tokens = tokens_of(log_in(http))

    http.delete(SESSION, bearer=tokens["access_token"])

    assert TokenFamily.objects.get().cause == "logged_out"
    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
    assert http.refresh(tokens, phone).status_code == 400
    assert session_by(http, X_Session_Token=tokens["session_token"]) == 410


REVOCATIONS = {
    "family": lambda tokens, ada: revoke(OfFamily(TokenFamily.objects.get().id)),
    "user": lambda tokens, ada: revoke(OfUser(str(ada.pk))),
    "client": lambda tokens, ada: revoke(OfClient("phone")),
    "everything": lambda tokens, ada: revoke(Everything()),
}


@pytest.mark.parametrize("subject", REVOCATIONS)
def test_whatever_ends_the_tokens_ends_allauths_session(http: Http, ada, subject):
    tokens = tokens_of(log_in(http))

    REVOCATIONS[subject](tokens, ada)

    assert session_by(http, X_Session_Token=tokens["session_token"]) == 410
    assert session_by(http, bearer=tokens["access_token"]) == 401


def test_a_disabled_user_has_neither_tokens_nor_session(http: Http, ada, phone):
    tokens = tokens_of(log_in(http))
    ada.is_active = False
    ada.save()

    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
    assert http.post(REFRESH, {"refresh_token": tokens["refresh_token"]}).status_code == 400
    assert session_by(http, X_Session_Token=tokens["session_token"]) == 410
    assert log_in(http).status_code in (400, 401)


def test_a_change_that_neither_signal_nor_trigger_saw_ends_the_session(http: Http, ada):
    tokens = tokens_of(log_in(http))
    assert session_by(http, X_Session_Token=tokens["session_token"]) == 200

    type(ada).objects.filter(pk=ada.pk).update(password=UserFactory(password="other").password)

    assert session_by(http, X_Session_Token=tokens["session_token"]) == 410


def test_a_password_changed_through_allauth_ends_tokens_and_session(http: Http, ada):
    tokens = tokens_of(log_in(http))
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}

    answer = http.post(CHANGE, change, bearer=tokens["access_token"])

    assert answer.status_code == 200
    assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
    assert session_by(http, X_Session_Token=answer.json()["meta"]["session_token"]) == 410
    assert log_in(http, NEW_PASSWORD).status_code == 200


def test_a_password_that_allauth_changes_keeps_no_session_however_the_app_shows_its_own(
    http: Http, ada, phone
):
    changer, other = tokens_of(log_in(http)), tokens_of(log_in(http))
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}

    http.post(CHANGE, change, X_Session_Token=changer["session_token"])

    for tokens in (changer, other):
        assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
        assert http.refresh(tokens, phone).json()["reauthenticate"] is True
        assert session_by(http, X_Session_Token=tokens["session_token"]) == 410
        assert session_by(http, bearer=tokens["access_token"]) == 401


def test_a_password_that_the_sites_own_view_changes_keeps_the_tokens_alone(http: Http, ada, phone):
    """allauth's session knows the former password's hash: it ends as Django's do."""
    changer, other = tokens_of(log_in(http)), tokens_of(log_in(http))

    kept = http.post(PASSWORD_VIEW, {"new": NEW_PASSWORD}, bearer=changer["access_token"]).json()

    assert http.get(ME, bearer=kept["access_token"]).status_code == 200
    assert http.refresh(kept, phone).status_code == 200
    assert session_by(http, bearer=kept["access_token"]) == 401
    assert session_by(http, X_Session_Token=changer["session_token"]) == 401
    assert http.refresh(changer, phone).status_code == 400
    assert http.refresh(other, phone).status_code == 400
    assert log_in(http, NEW_PASSWORD).status_code == 200


class TestWhichClient:
    def test_a_check_tells_a_site_that_lists_none(self, settings):
        assert bridges.somebody_may_log_in_through_allauth() == []

        settings.TOKENAUTH = {**settings.TOKENAUTH, "ALLAUTH_CLIENTS": []}

        assert [found.id for found in bridges.somebody_may_log_in_through_allauth()] == ["tokenauth.W016"]

    def test_a_header_names_one_of_those_that_the_site_lists(self, http: Http, ada):
        tokens = tokens_of(log_in(http, X_Tokenauth_Client="tablet"))

        assert claims_of(tokens["access_token"]).client_id == "tablet"

    @pytest.mark.parametrize("named", ["web", "nobody", "secret", "disabled"])
    def test_no_other_gets_anything_not_even_allauths_session(self, http: Http, ada, web, settings, named):
        confidential = ClientFactory(client_id="secret")
        secret_of(confidential)
        ClientFactory(client_id="disabled")
        revoke(OfClient("disabled", disable=True))
        allowed = ["phone", "nobody", "secret", "disabled"]
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ALLAUTH_CLIENTS": allowed}

        answer = log_in(http, X_Tokenauth_Client=named)

        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "invalid_client")
        assert "meta" not in answer.json()
        assert not TokenFamily.objects.exists()
        assert not Session.objects.exists()

    def test_a_site_that_lists_none_lets_nobody_in(self, http: Http, ada, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ALLAUTH_CLIENTS": []}

        assert log_in(http).status_code == 401
        assert not TokenFamily.objects.exists()

    def test_a_client_that_is_not_first_party_cannot_go_past_allauth(self, http: Http, ada, phone):
        body = {"username": "ada", "password": PASSWORD, "client_id": "phone"}

        assert http.post("/auth/login/", body).json()["error"] == "unauthorized_client"


class TestDevices:
    def test_the_same_installation_is_the_same_device_and_its_session_is_replaced(self, http: Http, ada):
        first = tokens_of(log_in(http, X_Tokenauth_Device="installation-1"))
        second = tokens_of(log_in(http, X_Tokenauth_Device="installation-1"))

        assert first["device_id"] == second["device_id"] == str(Device.objects.get().pk)
        assert http.get(ME, bearer=first["access_token"]).status_code == 401
        assert session_by(http, X_Session_Token=first["session_token"]) == 410
        assert session_by(http, X_Session_Token=second["session_token"]) == 200

    def test_a_header_that_is_no_device_id_is_a_bad_request(self, http: Http, ada):
        answer = log_in(http, X_Tokenauth_Device="x" * 65)

        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_request")
        assert not Session.objects.exists()

    def test_an_idempotency_key_makes_the_session_exact(self, http: Http, ada):
        log_in(http, Idempotency_Key="a-key-of-this-login")

        assert TokenFamily.objects.get().exact is True

    def test_the_users_list_of_sessions_shows_it(self, http: Http, ada):
        tokens = tokens_of(log_in(http))

        listed = http.get(SESSIONS, bearer=tokens["access_token"]).json()["results"]

        assert [(each["id"], each["current"]) for each in listed] == [(tokens["session_id"], True)]


class TestOtherLogins:
    def test_whoever_signs_up_is_logged_in(self, http: Http):
        tokens = tokens_of(http.post(SIGNUP, {"username": "eve", "password": "a good long passphrase"}))

        assert http.get(ME, bearer=tokens["access_token"]).status_code == 200

    def test_a_code_by_mail_says_so_in_the_token(self, http: Http, ada):
        pending = _ask_for_code(http, ada)

        tokens = tokens_of(_confirm(http, pending))

        assert claims_of(tokens["access_token"]).amr == ("code",)
        assert TokenFamily.objects.get().backend == "allauth.account.auth_backends.AuthenticationBackend"
        assert http.post(REFRESH, {"refresh_token": tokens["refresh_token"]}).status_code == 200

    def test_a_second_factor_of_allauth_is_asked_for_and_named(self, http: Http, ada, clock):
        tokens = tokens_of(log_in(http))
        http.post(REAUTHENTICATE, {"password": PASSWORD}, bearer=tokens["access_token"])
        secret = http.get(TOTP_DEVICE, bearer=tokens["access_token"]).json()["meta"]["secret"]
        http.post(TOTP_DEVICE, {"code": _code(secret)}, bearer=tokens["access_token"])
        clock.shift(60)

        first = log_in(http)
        assert (first.status_code, "access_token" in first.json()["meta"]) == (401, False)
        session = first.json()["meta"]["session_token"]
        second = http.post(f"{APP}/auth/2fa/authenticate", {"code": _code(secret)}, X_Session_Token=session)

        assert claims_of(tokens_of(second)["access_token"]).amr == ("pwd", "totp")


class TestNoLateStarter:
    """Guarantee 8, for a login of two requests."""

    @pytest.mark.parametrize("subject", ["user", "client", "everything"])
    def test_what_was_revoked_between_the_steps_stops_the_login(self, http: Http, ada, subject):
        pending = _ask_for_code(http, ada)
        REVOCATIONS[subject]({}, ada)

        answer = _confirm(http, pending)

        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_grant")
        assert not TokenFamily.objects.exists()

    def test_a_password_changed_between_the_steps_stops_the_login(self, http: Http, ada):
        pending = _ask_for_code(http, ada)
        # past every signal and trigger: the hash alone tells
        type(ada).objects.filter(pk=ada.pk).update(password=UserFactory(password="other").password)

        assert _confirm(http, pending).status_code == 400

    def test_what_was_revoked_before_the_login_began_does_not(self, http: Http, ada):
        for subject in REVOCATIONS.keys() - {"family"}:
            REVOCATIONS[subject]({}, ada)
        pending = _ask_for_code(http, ada)

        assert _confirm(http, pending).status_code == 200

    @pytest.mark.parametrize("subject", ["client", "everything"])
    def test_what_is_revoked_while_the_password_is_hashed_stops_the_login(
        self, http: Http, ada, subject, monkeypatch
    ):
        def check(self: Any, password: str) -> bool:
            REVOCATIONS[subject]({}, ada)
            return True

        monkeypatch.setattr("django.contrib.auth.models.User.check_password", check)

        assert log_in(http).status_code == 400
        assert not TokenFamily.objects.exists()


def _ask_for_code(http: Http, user: Any) -> dict[str, str]:
    answer = http.post(f"{APP}/auth/code/request", {"email": user.email})
    assert answer.status_code == 401
    found = re.search(r"^\s*([A-Z0-9-]{6,9})\s*$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found is not None, mail.outbox[-1].body
    return {"session": answer.json()["meta"]["session_token"], "code": found[1]}


def _confirm(http: Http, pending: dict[str, str]) -> Any:
    return http.post(
        f"{APP}/auth/code/confirm", {"code": pending["code"]}, X_Session_Token=pending["session"]
    )


def _code(secret: str) -> str:
    totp = TOTP(base64.b32decode(secret))
    totp.time = time.time()
    return f"{totp.token():06d}"
