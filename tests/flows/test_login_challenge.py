"""The second step: one session a challenge, and no end of tries for nobody."""

import threading

import pytest
from django.contrib.auth.signals import user_login_failed

from tests.crowd import at_once
from tests.factories import ClientFactory, UserFactory
from tests.flows.logins import answer_challenge, try_login
from tests.sessions import known
from tokenauth.errors import Cause, Refused
from tokenauth.flows import Challenge
from tokenauth.flows.challenge import Challenged
from tokenauth.flows.outcomes import Issued
from tokenauth.models import TokenFamily

pytestmark = pytest.mark.django_db

RIGHT, WRONG = "123456", "000000"


def challenge(user, client, device, request):
    return Challenge(methods=("totp",))


def verify(user, method, response, request):
    return response == RIGHT


@pytest.fixture(autouse=True)
def second_step(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LOGIN_CHALLENGE": challenge, "LOGIN_VERIFY": verify}


@pytest.fixture
def locked_at_six(settings):
    limits = {"login_failures": 6, "login_account": None, "login_network": None}
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": limits}


def challenged(user, web, **asked) -> Challenged:
    outcome = try_login(user.username, web, **asked)
    assert isinstance(outcome, Challenged), outcome
    return outcome


@pytest.mark.django_db(transaction=True)
def test_one_code_answered_at_once_makes_one_session(settings):
    together = threading.Barrier(3)

    def verify_together(user, method, response, request):
        together.wait(20)
        return response == RIGHT

    settings.TOKENAUTH = {**settings.TOKENAUTH, "LOGIN_VERIFY": verify_together}
    user, web = UserFactory(), ClientFactory()
    step = challenged(user, web)
    known(web)

    outcomes = at_once([lambda: answer_challenge(step, web, RIGHT)] * 3)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Issued", "Refused", "Refused"]
    assert TokenFamily.objects.count() == 1


def test_guesses_at_many_challenges_lock_the_account(locked_at_six):
    user, web = UserFactory(), ClientFactory()
    for _ in range(2):
        step = challenged(user, web)
        for _ in range(3):
            answer_challenge(step, web, WRONG)

    assert answer_challenge(step, web, RIGHT).cause is Cause.LOCKED
    assert try_login(user.username, web).cause is Cause.LOCKED


def test_a_right_password_alone_forgets_no_failure(locked_at_six):
    user, web = UserFactory(), ClientFactory()
    for _ in range(6):
        answer_challenge(challenged(user, web), web, WRONG)

    assert try_login(user.username, web).cause is Cause.LOCKED


def test_a_login_that_is_finished_forgets_the_failures_of_both_steps(locked_at_six):
    user, web = UserFactory(), ClientFactory()
    for _ in range(2):
        try_login(user.username, web, password="wrong")
        answer_challenge(challenged(user, web), web, WRONG)
    assert isinstance(answer_challenge(challenged(user, web), web, RIGHT), Issued)

    for _ in range(5):
        answer_challenge(challenged(user, web), web, WRONG)

    assert isinstance(answer_challenge(challenged(user, web), web, RIGHT), Issued)


def test_a_wrong_second_step_is_told_to_the_site_and_the_log(caplog):
    heard = []

    def hear(credentials, **kwargs):
        heard.append(credentials)

    user, web = UserFactory(), ClientFactory()
    user_login_failed.connect(hear)
    caplog.set_level("INFO", logger="tokenauth.security")
    try:
        answer_challenge(challenged(user, web), web, WRONG)
    finally:
        user_login_failed.disconnect(hear)

    assert heard == [{"username": user.username}]
    assert "login_refused cause=credentials" in caplog.text


@pytest.mark.parametrize(
    "backend", ["django.core.cache.backends.dummy.DummyCache", "tests.risk.test_counters.Broken"]
)
def test_where_nobody_counts_the_tries_nobody_is_let_in(settings, backend):
    settings.CACHES = {"default": {"BACKEND": backend}}
    user, web = UserFactory(), ClientFactory()

    outcome = answer_challenge(challenged(user, web), web, RIGHT)

    assert outcome == Refused(Cause.OVERLOADED, retry_after=1)
    assert not TokenFamily.objects.exists()


def test_a_client_that_is_no_longer_first_party_finishes_no_login():
    user, web = UserFactory(), ClientFactory()
    step = challenged(user, web)
    web.first_party = False
    web.save()

    assert answer_challenge(step, web, RIGHT) == Refused(Cause.NOT_FIRST_PARTY)
