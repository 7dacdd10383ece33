"""MIRROR_MEMORY: over it a process forgets spent generations, says so, and never forgets a revocation."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.other_process import revoke_elsewhere
from tests.sessions import log_in
from tokenauth.models import Plane, RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)


def test_spent_generations_go_and_revocations_stay(polling, boot_clock, caplog):
    polling.TOKENAUTH = {**polling.TOKENAUTH, "MIRROR_MEMORY": 2**20}
    session = log_in()
    assert session.accepts()
    now = timezone.now()
    RevocationOrder.objects.bulk_create(
        RevocationOrder(
            kind=OrderKind.GENERATION,
            key=f"s{n}",
            floor=1,
            at=now,
            number=n,
            until=now + timedelta(seconds=n),
        )
        for n in range(1, 4_001)
    )
    Plane.objects.update(n=4_000)
    revoke_elsewhere(OfUser(users.key_of(session.user)))
    boot_clock(0.6)

    assert not session.accepts()
    health = MIRROR.health()
    assert health.memory <= 2**20
    assert health.dropped > 0
    assert health.dropped + health.orders == 4_001
    assert not MIRROR.floors().has_ended(Kind.GENERATION, "s1")
    assert MIRROR.floors().has_ended(Kind.GENERATION, "s4000")
    said = [line for line in caplog.messages if line.startswith("mirror_over_memory ")]
    assert len(said) == 1
    assert MIRROR.floors().floor(Kind.USER, users.key_of(session.user)) > 0


def test_a_mirror_within_it_forgets_and_says_nothing(polling, boot_clock, caplog):
    session = log_in()
    session.refresh()
    boot_clock(0.6)
    assert session.accepts()

    assert MIRROR.health().dropped == 0
    assert not [line for line in caplog.messages if line.startswith("mirror_over_memory ")]


def test_what_has_expired_goes_at_a_later_poll(polling, boot_clock, clock):
    session = log_in()
    session.accepts()
    revoke_elsewhere(OfUser("somebody"))
    boot_clock(0.6)
    MIRROR.stale()
    held = MIRROR.health().orders

    clock.shift(3600)
    boot_clock(61)
    MIRROR.stale()

    assert held == 1
    assert MIRROR.health().orders == 0
