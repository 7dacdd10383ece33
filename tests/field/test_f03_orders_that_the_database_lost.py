"""F03, second part: the database lost its newest revocations while the mirrors still hold them."""

import logging

import pytest

from tests.other_process import revoke_elsewhere
from tests.sessions import claims_of, log_in, why_refused
from tokenauth.errors import Cause
from tokenauth.models import Plane, RevocationOrder, TokenEvent, users
from tokenauth.models.event import EventKind
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfFamily, OfKey, OfUser
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def poll(polling, boot_clock):
    def asked() -> None:
        boot_clock(0.6)
        assert MIRROR.stale() is None

    return asked


def lose_all_orders_above(number: int) -> None:
    RevocationOrder.objects.filter(number__gt=number).delete()
    Plane.objects.update(n=number)


@pytest.fixture
def lost(poll):
    """Two revocations that this process heard of and the database lost, after one that it still has."""
    kept, ended, changed = log_in(), log_in(), log_in()
    revoke_elsewhere(OfFamily(kept.family_id))
    poll()
    revoke_elsewhere(OfFamily(ended.family_id))
    revoke_elsewhere(OfUser(users.key_of(changed.user)))
    poll()
    lose_all_orders_above(1)
    poll()
    return kept, ended, changed


def test_they_stay_in_force(lost):
    refused = [why_refused(session.pair.access_token) for session in lost]

    assert [each and each.cause for each in refused] == [Cause.ENDED, Cause.ENDED, Cause.ACCOUNT_CHANGED]


def test_they_stay_in_force_as_new_orders_take_their_numbers(lost, poll):
    _, ended, changed = lost

    for n in range(3):
        revoke_elsewhere(OfUser(f"other{n}"))
        poll()

    assert not ended.accepts()
    assert not changed.accepts()
    assert MIRROR.health().number == 4


def test_a_key_whose_kill_was_lost_is_killed_again_and_logins_go_on(poll):
    """Else whatever it signs from now on would be refused by everybody who knows that it was killed."""
    before = log_in()
    kid = claims_of(before.pair.access_token).kid
    poll()
    revoke_elsewhere(OfKey(kid))
    poll()
    records = list(KeyRecord.objects.filter(purpose=KeyPurpose.ACCESS).exclude(pk=kid))
    lose_all_orders_above(0)
    KeyRecord.objects.filter(pk__in=[record.pk for record in records]).delete()
    KeyRecord.objects.filter(pk=kid).update(state=KeyState.ACTIVE, active_slot=1)
    KEYRING.forget()

    poll()
    poll()
    after = log_in()

    assert KeyRecord.objects.get(pk=kid).state == KeyState.KILLED
    assert not before.accepts()
    assert after.accepts()


def test_it_raises_an_alarm(lost):
    assert TokenEvent.objects.filter(kind=EventKind.DATABASE_BEHIND, family=None).count() == 1
    assert MIRROR.health().behind == 1


def test_a_log_line_says_what_was_held_and_what_was_found(poll, caplog):
    poll()
    revoke_elsewhere(OfUser("somebody"))
    poll()

    lose_all_orders_above(0)
    poll()

    (line,) = [r for r in caplog.records if r.getMessage().startswith("database_behind ")]
    assert line.levelno == logging.ERROR
    assert "number=1 found=0" in line.getMessage()


def test_they_are_in_force_until_they_would_have_expired(lost, clock, boot_clock, poll):
    before = MIRROR.health().orders

    clock.shift(3600)
    boot_clock(61)
    poll()

    assert before == 3
    assert MIRROR.health().orders == 0
