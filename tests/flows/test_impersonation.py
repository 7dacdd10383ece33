"""Acting in a user's name: the tokens hang on two accounts, and live for a short time."""

import pytest

from tests.factories import ClientFactory, UserFactory
from tests.sessions import BACKEND, Session, known
from tokenauth.errors import Cause, Refused
from tokenauth.flows import LoginAsked, issue, revoke
from tokenauth.flows.outcomes import Issued
from tokenauth.models import users
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)

LIFETIME = 600


def act_in_the_name_of(user, *, actor) -> Session:
    client = ClientFactory()
    asked = LoginAsked(client=known(client), impersonator=users.key_of(actor))
    outcome = issue(user, asked=asked, backend=BACKEND)
    assert isinstance(outcome, Issued)
    return Session(user, client, outcome.pair)


@pytest.fixture
def support():
    return UserFactory(username="support")


def test_the_epoch_of_who_acts_ends_his_access_token(support):
    acting = act_in_the_name_of(UserFactory(), actor=support)
    assert acting.accepts()

    revoke(OfUser(users.key_of(support)))

    assert not acting.accepts()


def test_the_epoch_of_who_acts_ends_his_session(support):
    acting = act_in_the_name_of(UserFactory(), actor=support)
    revoke(OfUser(users.key_of(support)))

    assert acting.show(acting.pair.refresh_token) == Refused(Cause.ACCOUNT_GONE, acting.family_id)


def test_what_is_made_after_that_revocation_lives(support):
    revoke(OfUser(users.key_of(support)))

    acting = act_in_the_name_of(UserFactory(), actor=support)
    acting.refresh()

    assert acting.accepts()


def test_no_refresh_carries_it_beyond_its_own_limit(support, settings, clock):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "IMPERSONATION_LIFETIME": LIFETIME}
    acting = act_in_the_name_of(UserFactory(), actor=support)
    clock.shift(LIFETIME - 60)
    acting.refresh()
    assert acting.accepts()

    clock.shift(61)

    assert acting.show(acting.pair.refresh_token) == Refused(Cause.ABSOLUTE, acting.family_id)


def test_its_last_access_token_ends_with_it(support, settings, clock):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "IMPERSONATION_LIFETIME": LIFETIME}
    acting = act_in_the_name_of(UserFactory(), actor=support)
    end = acting.pair.refresh_expires_at
    clock.shift(LIFETIME - 60)

    pair = acting.refresh()

    assert (pair.access_expires_at, pair.refresh_expires_at) == (end, end)
