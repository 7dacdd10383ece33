"""NIST SP 800-63B-4: how long a session may last, and how often a password may be wrong."""

from typing import Any

import pytest

from tests.factories import PASSWORD, ClientFactory
from tests.http import LOGIN, Http
from tests.standards.forgery import payload_of
from tokenauth import conf
from tokenauth.policy import builtin

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = 60, 3_600, 86_400
#: A policy that a site may write for the highest level; the proof that it also wants comes later.
AAL3 = {"aal3": {"base": "browser", "idle": 15 * MINUTE, "absolute": 12 * HOUR}}


@pytest.fixture
def short(settings) -> Any:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": AAL3}
    return ClientFactory(policy="aal3")


def is_over(answer: Any) -> bool:
    assert answer.status_code in (200, 400)
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant"


@pytest.mark.standard("NIST-01")
@pytest.mark.parametrize("name", builtin.BUILTIN)
def test_every_policy_has_an_end_within_30_days(name):
    assert builtin.named(name).idle <= builtin.named(name).absolute <= 30 * DAY


@pytest.mark.standard("NIST-02")
def test_high_security_ends_within_24_hours_and_after_an_idle_one():
    policy = builtin.named("high-security")

    assert (policy.absolute, policy.idle) == (24 * HOUR, HOUR)


@pytest.mark.standard("NIST-03")
@pytest.mark.standard("NIST-04")
@pytest.mark.parametrize(("idle", "over"), [(15 * MINUTE - 1, False), (15 * MINUTE, True)])
def test_the_idle_timeout_ends_the_session(clock, http: Http, ada, short, idle, over):
    tokens = http.log_in(ada, short)

    clock.shift(idle)

    assert is_over(http.refresh(tokens, short)) is over


@pytest.mark.standard("NIST-03")
@pytest.mark.standard("NIST-04")
@pytest.mark.standard("NIST-05")
@pytest.mark.parametrize(("at", "over"), [(12 * HOUR - 1, False), (12 * HOUR, True)])
def test_the_overall_timeout_ends_it_however_often_it_was_refreshed(clock, http: Http, ada, short, at, over):
    tokens = http.log_in(ada, short)
    for _ in range(12 * HOUR // (10 * MINUTE) - 1):
        clock.shift(10 * MINUTE)
        tokens = http.refresh(tokens, short).json()
    clock.shift(at - 12 * HOUR + 10 * MINUTE)

    assert is_over(http.refresh(tokens, short)) is over


@pytest.mark.standard("NIST-05")
def test_activity_moves_the_idle_end_and_logging_in_again_both(clock, http: Http, ada, short):
    tokens = http.log_in(ada, short)
    clock.shift(12 * HOUR - 10 * MINUTE - 1)
    dead = http.refresh(tokens, short)
    again = http.log_in(ada, short)
    clock.shift(10 * MINUTE)
    refreshed = http.refresh(again, short).json()
    clock.shift(10 * MINUTE)

    assert is_over(dead)
    assert refreshed["refresh_expires_in"] == again["refresh_expires_in"] == 15 * MINUTE
    assert not is_over(http.refresh(refreshed, short))
    assert payload_of(again["access_token"])["auth_time"] > payload_of(tokens["access_token"])["auth_time"]


@pytest.mark.standard("NIST-05")
def test_near_the_overall_end_a_refresh_promises_no_more_than_what_is_left(clock, http: Http, ada, settings):
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "POLICIES": {"brief": {"base": "browser", "idle": HOUR, "absolute": HOUR}},
    }
    brief = ClientFactory(policy="brief")
    tokens = http.log_in(ada, brief)
    clock.shift(HOUR - 100)

    body = http.refresh(tokens, brief).json()

    assert (body["expires_in"], body["refresh_expires_in"]) == (100, 100)


# --- passwords ----------------------------------------------------------------------------------------


def attempt(http: Http, client: Any, password: str) -> int:
    body = {"username": "ada", "password": password, "client_id": client.client_id}
    answer: int = http.post(LOGIN, body).status_code
    return answer


@pytest.mark.standard("NIST-09")
def test_at_most_a_hundred_wrong_passwords_in_a_row_are_the_default():
    assert conf.Limits().login_failures == 100


@pytest.mark.standard("NIST-09")
def test_too_many_wrong_passwords_lock_the_account_and_a_right_one_starts_anew(
    http: Http, ada, web, settings
):
    limits = {**settings.TOKENAUTH["LIMITS"], "login_failures": 3}
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": limits}

    before = [
        attempt(http, web, password) for password in ("wrong", "wrong", PASSWORD, "wrong", "wrong", PASSWORD)
    ]
    after = [attempt(http, web, password) for password in ("wrong", "wrong", "wrong", PASSWORD)]

    assert before == [400, 400, 200, 400, 400, 200]
    assert after == [400, 400, 400, 400]
