"""OWASP ASVS 5.0: what of chapters 7, 9 and 10 is a token service's to keep."""

import time
import uuid
from typing import Any

import pytest
from django.urls import reverse

from tests.factories import PASSWORD, ClientFactory, UserFactory
from tests.http import INTROSPECT, LOGIN, REVOKE, SESSIONS, Http
from tests.sessions import log_in
from tests.standards.forgery import ME, forged, is_accepted, payload_of
from tokenauth.flows import revoke
from tokenauth.flows.clients import retire_secret
from tokenauth.models import ClientSecret, Site, TokenFamily
from tokenauth.revocation.subjects import Everything, OfUser

pytestmark = pytest.mark.django_db

DAY = 86_400


def opens(http: Http, tokens: dict[str, Any]) -> bool:
    return is_accepted(http, tokens["access_token"])


def is_dead(http: Http, tokens: dict[str, Any], client: Any) -> bool:
    """Whether neither token of a pair counts any more."""
    answer = http.refresh(tokens, client)
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant" and not opens(http, tokens)


def is_alive(http: Http, tokens: dict[str, Any], client: Any) -> bool:
    return opens(http, tokens) and http.refresh(tokens, client).status_code == 200


# --- 7.2, 7.3: making and ageing ----------------------------------------------------------------------


@pytest.mark.standard("ASVS-01")
def test_256_random_bits_of_its_family_lie_behind_every_refresh_token(web):
    """The tag and the leading claims are fixed; the jti derives from the family's secret."""
    sessions = [log_in(client=web) for _ in range(20)]
    secrets = {bytes(session.family.secret) for session in sessions}

    ids = {payload_of(session.pair.refresh_token)["jti"] for session in sessions}

    assert {len(secret) for secret in secrets} == {32}
    assert len(ids) == len(secrets) == 20


@pytest.mark.standard("ASVS-02")
def test_logging_in_again_makes_new_tokens_and_ends_the_old_ones(http: Http, ada, web):
    old = http.log_in(ada, web, device={"id": "laptop"})
    new = http.log_in(ada, web, device={"id": "laptop"})

    assert new["refresh_token"] != old["refresh_token"]
    assert new["session_id"] != old["session_id"]
    assert is_dead(http, old, web)
    assert is_alive(http, new, web)


@pytest.mark.standard("ASVS-03")
def test_a_session_that_is_not_used_ends(clock, http: Http, ada, web):
    used, unused = http.log_in(ada, web), http.log_in(ada, web)
    clock.shift(4 * DAY)
    used = http.refresh(used, web).json()
    clock.shift(3 * DAY)

    assert is_dead(http, unused, web)
    assert http.refresh(used, web).status_code == 200


@pytest.mark.standard("ASVS-04")
def test_a_session_ends_however_often_it_is_used(clock, http: Http, ada, web):
    tokens = http.log_in(ada, web)
    for _ in range(5):
        clock.shift(6 * DAY - 1)
        tokens = http.refresh(tokens, web).json()

    clock.shift(5)

    assert http.refresh(tokens, web).json()["error"] == "invalid_grant"


# --- 7.4, 7.5: ending ---------------------------------------------------------------------------------


@pytest.mark.standard("ASVS-05")
def test_after_logout_neither_token_counts(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    assert opens(http, tokens)

    http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})

    assert is_dead(http, tokens, web)


def disabled(user: Any) -> None:
    user.is_active = False
    user.save()


def deleted(user: Any) -> None:
    user.delete()


@pytest.mark.standard("ASVS-06")
@pytest.mark.parametrize("is_gone", [disabled, deleted], ids=lambda way: way.__name__)
def test_a_user_who_is_disabled_or_deleted_has_no_token_left(http: Http, ada, web, server, is_gone):
    """CVE-2024-22513"""
    tokens = http.log_in(ada, web)
    assert opens(http, tokens)

    is_gone(ada)

    answer = http.form(INTROSPECT, {"token": tokens["access_token"]}, **server.basic)
    assert is_dead(http, tokens, web)
    assert answer.json() == {"active": False}


@pytest.mark.standard("ASVS-07")
def test_a_new_password_ends_every_session(http: Http, ada, web):
    sessions = [http.log_in(ada, web) for _ in range(2)]
    theirs = http.log_in(UserFactory(), web)

    ada.set_password("a better horse")
    ada.save()

    assert [is_dead(http, tokens, web) for tokens in sessions] == [True, True]
    assert is_alive(http, theirs, web)


@pytest.mark.standard("ASVS-07")
def test_a_user_ends_all_sessions_but_the_one_he_uses(http: Http, ada, web):
    other, own = http.log_in(ada, web), http.log_in(ada, web)

    http.post(f"{SESSIONS}revoke-others/", bearer=own["access_token"])

    assert is_dead(http, other, web)
    assert opens(http, http.refresh(own, web).json())


@pytest.mark.standard("ASVS-08")
def test_an_administrator_ends_one_users_sessions_or_everybodys(http: Http, admin_client, ada, web):
    adas, theirs = http.log_in(ada, web), http.log_in(UserFactory(), web)
    Site.objects.get_or_create(pk=1)

    act(admin_client, "tokenfamily", "revoke_users", adas["session_id"])
    first = is_dead(http, adas, web), opens(http, theirs)
    act(admin_client, "site", "revoke_everything", "1")

    assert first == (True, True)
    assert is_dead(http, theirs, web)


def act(admin_client: Any, model: str, action: str, row: str) -> None:
    form = {"action": action, "_selected_action": [row], "reason": "left"}
    assert admin_client.post(reverse(f"admin:tokenauth_{model}_changelist"), form).status_code == 302


@pytest.mark.standard("ASVS-08")
@pytest.mark.parametrize("subject", [OfUser, Everything], ids=lambda subject: subject.__name__)
def test_so_does_the_sites_own_code(http: Http, ada, web, subject):
    tokens = http.log_in(ada, web)

    revoke(subject(str(ada.pk)) if subject is OfUser else subject(), reason="left", actor="admin")

    assert is_dead(http, tokens, web)


@pytest.mark.standard("ASVS-09")
@pytest.mark.standard("ASVS-16")
def test_a_user_lists_his_sessions_and_ends_any_with_his_password(clock, http: Http, ada, web):
    other, own = http.log_in(ada, web), http.log_in(ada, web)
    clock.shift(3_600)
    own = http.refresh(own, web).json()
    listed = http.get(SESSIONS, bearer=own["access_token"]).json()["results"]
    path = f"{SESSIONS}{other['session_id']}/"

    without = http.delete(path, bearer=own["access_token"])
    wrong = delete(http, path, own, password="wrong")
    right = delete(http, path, own, password=PASSWORD)

    assert {entry["id"] for entry in listed} == {own["session_id"], other["session_id"]}
    assert [answer.status_code for answer in (without, wrong, right)] == [401, 401, 204]
    assert is_dead(http, other, web)


def delete(http: Http, path: str, tokens: dict[str, Any], **body: str) -> Any:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return http.browser.delete(path, body, "application/json", secure=True, headers=headers)


@pytest.mark.standard("ASVS-20")
@pytest.mark.parametrize("which", ["their session", "no session", "no id"])
def test_anothers_session_is_as_unknown_as_none(http: Http, ada, web, which):
    theirs = http.log_in(UserFactory(), web)
    own = http.log_in(ada, web)
    ids = {"their session": theirs["session_id"], "no session": uuid.uuid4(), "no id": "1 OR 1=1"}

    answer = http.delete(f"{SESSIONS}{ids[which]}/", bearer=own["access_token"])

    listed = http.get(SESSIONS, bearer=own["access_token"]).json()["results"]
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert [entry["id"] for entry in listed] == [own["session_id"]]
    assert is_alive(http, theirs, web)


@pytest.mark.standard("ASVS-10")
def test_the_oldest_session_beyond_the_limit_ends(http: Http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 2}

    first, *others = [http.log_in(ada, web) for _ in range(3)]

    assert is_dead(http, first, web)
    assert all(is_alive(http, tokens, web) for tokens in others)


# --- 9, 10: tokens and clients ------------------------------------------------------------------------


@pytest.mark.standard("ASVS-13")
@pytest.mark.standard("ASVS-14")
def test_a_token_opens_the_audience_that_its_login_named_alone(http: Http):
    """One key signs for all audiences."""
    app = ClientFactory(audiences=["https://orders.test", "https://issuer.test"])
    here, there = (
        http.log_in(UserFactory(), app, audience=name)
        for name in ("https://issuer.test", "https://orders.test")
    )
    nowhere = {"username": UserFactory().username, "password": PASSWORD, "client_id": app.client_id}

    answer = http.post(LOGIN, {**nowhere, "audience": "https://other.test"})

    assert (opens(http, here), opens(http, there)) == (True, False)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


@pytest.mark.standard("ASVS-15")
def test_a_used_refresh_token_is_invalid_and_its_reuse_ends_the_session(http: Http, ada, web):
    used = http.log_in(ada, web)
    delivered = http.refresh(used, web).json()
    newest = http.refresh(delivered, web).json()
    other = http.log_in(ada, web)

    answer = http.refresh(used, web)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert is_dead(http, newest, web)
    assert is_alive(http, other, web)


@pytest.mark.standard("ASVS-15")
def test_in_an_exact_family_the_very_next_use_is_reuse(http: Http, ada):
    exact = ClientFactory(exact=True)
    used = http.log_in(ada, exact)
    body = {"refresh_token": used["refresh_token"], "client_id": exact.client_id}
    newest = http.post("/auth/token/refresh/", body, Idempotency_Key="first-attempt-16").json()

    answer = http.post("/auth/token/refresh/", body, Idempotency_Key="second-attempt-16")

    assert answer.json()["error"] == "invalid_grant"
    assert not opens(http, newest)


@pytest.mark.standard("ASVS-17")
@pytest.mark.parametrize("secret", [None, "", "tks_wrong", "retired"])
def test_a_confidential_client_refreshes_and_revokes_with_its_secret_alone(http: Http, ada, backend, secret):
    tokens = http.log_in(ada, backend.client, **backend.in_body)
    if secret == "retired":
        retire_secret(ClientSecret.objects.get())
        secret = backend.secret
    shown = {"client_id": "backend", **({} if secret is None else {"client_secret": secret})}

    refreshed = http.post("/auth/token/refresh/", {"refresh_token": tokens["refresh_token"], **shown})
    revoked = http.form(REVOKE, {"token": tokens["refresh_token"], **shown})

    for answer in (refreshed, revoked):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert TokenFamily.objects.get().revoked_at is None
    assert opens(http, tokens)


@pytest.mark.standard("ASVS-18")
def test_a_client_gets_no_scope_beyond_its_own(http: Http, ada):
    app = ClientFactory(scopes=["orders:read"])
    body = {"username": "ada", "password": PASSWORD, "client_id": app.client_id}

    assert http.post(LOGIN, {**body, "scope": "orders:write"}).json()["error"] == "invalid_scope"
    assert http.post(LOGIN, body).json()["scope"] == "orders:read"


@pytest.mark.standard("ASVS-19")
def test_a_name_that_is_given_to_another_leaves_the_token_to_its_owner(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    ada.username, ada.email = "countess", "countess@example.test"
    ada.save()
    heir = UserFactory(username="ada", email="ada@example.test")

    seen = http.get(ME, bearer=tokens["access_token"]).json()["user"]
    claims = payload_of(http.refresh(tokens, web).json()["access_token"])

    assert str(seen) == str(ada.pk) != str(heir.pk)
    assert (claims["iss"], claims["sub"]) == ("https://issuer.test", str(ada.pk))


@pytest.mark.standard("ASVS-13")
def test_a_token_from_the_future_does_not_count(http: Http, ada, web):
    token = http.log_in(ada, web)["access_token"]

    assert not is_accepted(http, forged(token, iat=int(time.time()) + 60))
