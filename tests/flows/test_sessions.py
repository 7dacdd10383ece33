"""The account calls: a password there is one at login, and what has ended is not ended again."""

import pytest
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from tests.factories import PASSWORD, UserFactory
from tests.sessions import Session, claims_of, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import sessions
from tokenauth.flows.sessions import Ended, Owner
from tokenauth.models import RevocationOrder, TokenEvent
from tokenauth.policy import builtin
from tokenauth.risk import limits

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(clock) -> Session:
    """A session whose login lies long enough back that its password is asked for."""
    session = log_in()
    clock.shift(1000)
    session.refresh()
    return session


@pytest.fixture
def rates(settings):
    def set_rates(**changed):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_account": None, **changed}}

    return set_rates


def owner(session: Session, password: str | None = None) -> Owner:
    return Owner(
        user=session.user,
        claims=claims_of(session.pair.access_token),
        policy=builtin.named(""),
        password=password,
        request=HttpRequest(),
    )


def written() -> tuple[int, int]:
    return RevocationOrder.objects.count(), TokenEvent.objects.count()


def test_the_right_password_stands_for_a_recent_login(old):
    without = sessions.end_all(owner=owner(old))
    wrong = sessions.end_all(owner=owner(old, "wrong"))

    assert (without, wrong) == (Refused(Cause.OLD_LOGIN), Refused(Cause.OLD_LOGIN))
    assert sessions.end_all(owner=owner(old, PASSWORD)) == Ended(1)


def test_guesses_lock_it_and_then_the_right_one_is_refused_too(old, rates):
    rates(login_failures=3)
    for _ in range(3):
        sessions.end_all(owner=owner(old, "wrong"))

    assert sessions.end_all(owner=owner(old, PASSWORD)) == Refused(Cause.OLD_LOGIN)
    assert old.accepts()


def test_guesses_there_are_guesses_at_login(old, rates):
    rates(login_failures=3)
    for _ in range(3):
        sessions.end_all(owner=owner(old, "wrong"))

    assert limits.account_is_locked(old.user.username, known_device=str(old.pair.device_id))


def test_a_right_one_forgets_the_failures(old, rates):
    rates(login_failures=3)
    for _ in range(2):
        sessions.end_all(owner=owner(old, "wrong"))
    sessions.end_others(owner=owner(old, PASSWORD))
    old.refresh()

    sessions.end_all(owner=owner(old, "wrong"))

    assert sessions.end_all(owner=owner(old, PASSWORD)) == Ended(1)


def test_guesses_are_throttled(old, rates):
    rates(login_account="2/minute")
    outcomes = [sessions.end_all(owner=owner(old, "wrong")) for _ in range(3)]

    assert [outcome.cause for outcome in outcomes] == [Cause.OLD_LOGIN, Cause.OLD_LOGIN, Cause.THROTTLED]


def test_a_wrong_one_is_told_to_the_site_and_the_log(old, caplog):
    heard = []

    def hear(credentials, request, **kwargs):
        heard.append((credentials["username"], request is not None))

    caplog.set_level("INFO", logger="tokenauth.security")
    user_login_failed.connect(hear)
    try:
        sessions.end_all(owner=owner(old, "wrong"))
    finally:
        user_login_failed.disconnect(hear)

    assert heard == [(old.user.username, True)]
    assert "password_refused cause=credentials" in caplog.text


class AnybodyElse:
    """A backend that knows another user by every name."""

    def authenticate(self, request, username=None, password=None):
        return UserFactory()


def test_the_password_of_somebody_else_is_a_wrong_one(old, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.AnybodyElse"]

    assert sessions.end_all(owner=owner(old, PASSWORD)) == Refused(Cause.OLD_LOGIN)


def test_no_password_appears_in_a_repr(old):
    assert PASSWORD not in repr(owner(old, PASSWORD))


def test_a_session_that_has_ended_is_not_ended_again():
    mine = log_in()
    other = log_in(mine.user)
    assert sessions.end_one(other.family_id, owner=owner(mine)) == Ended(1)
    before = written()

    assert sessions.end_one(other.family_id, owner=owner(mine)) == Ended(0)
    assert written() == before


def test_a_device_that_is_lost_is_not_lost_again():
    mine = log_in()
    other = log_in(mine.user)
    assert sessions.lose_device(other.pair.device_id, owner=owner(mine)) == Ended(1)
    before = written()

    assert sessions.lose_device(other.pair.device_id, owner=owner(mine)) == Ended(0)
    assert written() == before


def test_refusals_in_another_clients_name_are_one_event(clock):
    session, stranger = log_in(), log_in()
    before = written()

    outcomes = [session.show(session.pair.refresh_token, client=stranger.asked().client) for _ in range(20)]

    assert outcomes == [Refused(Cause.BINDING, session.family_id)] * 20
    assert written() == (before[0], before[1] + 1)
