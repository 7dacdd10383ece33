"""A token that is handed back again and again fills neither orders nor trail."""

import pytest

from tests.factories import ClientFactory
from tests.sessions import Session, known, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import revoke
from tokenauth.flows.hand_back import NothingToRevoke, hand_back
from tokenauth.flows.outcomes import Revoked
from tokenauth.models import RevocationOrder, TokenEvent, users
from tokenauth.models.event import EventKind
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db


def give(session: Session, token: str):
    return hand_back(token, client=known(session.client))


def written() -> tuple[int, int]:
    return RevocationOrder.objects.count(), TokenEvent.objects.exclude(kind=EventKind.ISSUED).count()


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_the_second_time_there_is_nothing_to_revoke(kind):
    session = log_in()
    token = getattr(session.pair, kind)

    outcomes = [give(session, token) for _ in range(5)]

    assert isinstance(outcomes[0], Revoked)
    assert outcomes[1:] == [NothingToRevoke()] * 4
    assert written() == (1, 1)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_token_of_an_ended_session_writes_nothing(kind):
    session = log_in()
    token = getattr(session.pair, kind)
    give(session, session.pair.refresh_token)
    before = written()

    assert give(session, token) == NothingToRevoke()
    assert written() == before


def test_an_access_token_of_a_revoked_account_writes_nothing():
    session = log_in()
    revoke(OfUser(users.key_of(session.user)))
    before = written()

    assert give(session, session.pair.access_token) == NothingToRevoke()
    assert written() == before


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_another_clients_token_stays_valid_and_nothing_is_written(kind):
    session, stranger = log_in(), ClientFactory()

    outcome = hand_back(getattr(session.pair, kind), client=known(stranger))

    assert outcome == Refused(Cause.BINDING, session.family_id)
    assert session.accepts()
    assert written() == (0, 0)
