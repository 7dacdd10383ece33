"""Guarantee 5: every committed order is applied by every mirror within the bound (DESIGN 6, PROTOCOL 3)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.other_process import revoke_elsewhere
from tests.sessions import Session, log_in
from tokenauth.models import Plane, RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation import numbering, source
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfFamily, OfUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(polling, boot_clock) -> Session:
    opened = log_in()
    assert opened.accepts()
    return opened


def test_a_process_that_starts_later_knows_all(session):
    revoke_elsewhere(OfFamily(session.family_id))

    MIRROR.forget()

    assert not session.accepts()


def test_a_process_that_starts_later_knows_more_than_a_page(session, monkeypatch):
    revoke_elsewhere(OfFamily(session.family_id))
    for n in range(25):
        revoke_elsewhere(OfUser(f"other{n}"))
    monkeypatch.setattr(source, "PAGE", 4)

    MIRROR.forget()

    assert not session.accepts()
    assert MIRROR.health().number == 26


def test_nothing_is_accepted_before_the_last_page(session, monkeypatch):
    for n in range(25):
        revoke_elsewhere(OfUser(f"other{n}"))
    revoke_elsewhere(OfFamily(session.family_id))
    monkeypatch.setattr(source, "PAGE", 4)
    MIRROR.forget()
    judged = []
    real = source.ask

    def watch(*args, **kwargs):
        judged.append(MIRROR.is_too_old())
        return real(*args, **kwargs)

    monkeypatch.setattr(source, "ask", watch)
    MIRROR.stale()

    assert len(judged) > 5
    assert all(judged)


def test_an_order_that_nobody_numbers_is_in_force_all_the_same(session, boot_clock, monkeypatch):
    monkeypatch.setattr(numbering, "number_visible", lambda connection, **more: [])
    revoke_elsewhere(OfFamily(session.family_id))

    boot_clock(0.6)

    assert RevocationOrder.objects.get().number is None
    assert not session.accepts()


def test_an_order_of_a_history_that_begins_again_is_not_missed(session, boot_clock):
    """After a failover numbers start below what this mirror has; the new ones are others."""
    for n in range(5):
        revoke_elsewhere(OfUser(f"other{n}"))
    boot_clock(0.6)
    assert session.accepts()
    RevocationOrder.objects.filter(number__gt=2).delete()
    Plane.objects.update(n=2)

    RevocationOrder.objects.create(
        kind=OrderKind.FAMILY,
        key=str(session.family_id),
        at=timezone.now(),
        number=3,
        until=timezone.now() + timedelta(seconds=400),
    )
    Plane.objects.update(n=3)
    boot_clock(0.6)

    assert not session.accepts()


def test_what_was_applied_is_not_forgotten_with_the_database(session, boot_clock):
    revoke_elsewhere(OfUser(users.key_of(session.user)))
    boot_clock(0.6)
    assert not session.accepts()

    RevocationOrder.objects.all().delete()
    Plane.objects.update(n=0)
    boot_clock(0.6)

    assert not session.accepts()


def test_what_was_applied_goes_no_earlier_than_the_last_token_it_concerns(session, boot_clock, clock):
    """`until` covers the longest access lifetime, the leeway and what clocks differ by."""
    revoke_elsewhere(OfFamily(session.family_id))
    boot_clock(0.6)
    MIRROR.stale()

    clock.shift(309)  # the token's last second, with the leeway
    boot_clock(61)

    assert not session.accepts()
    assert MIRROR.health().orders == 1
