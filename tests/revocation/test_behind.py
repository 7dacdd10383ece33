"""The database went back: what was known stays in force, the trail says so once, `new-epoch` ends it."""

import uuid

import pytest
from django.db.models import F
from django.utils import timezone

from tests.other_process import revoke_elsewhere
from tests.sessions import log_in
from tokenauth.flows import database_behind
from tokenauth.flows.revoke import revoke
from tokenauth.models import Plane, RevocationOrder, Site, TokenEvent, users
from tokenauth.models.event import EventKind
from tokenauth.models.order import OrderKind
from tokenauth.revocation import numbering, source
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.process import MIRROR, MIRRORS, Behind
from tokenauth.revocation.subjects import OfFamily, OfUser

pytestmark = pytest.mark.django_db(transaction=True)

UNIX = 1_800_000_000


@pytest.fixture
def poll(polling, boot_clock):
    """One question to the database, as a request asks it that finds the mirror old."""

    def asked() -> None:
        boot_clock(0.6)
        assert MIRROR.stale() is None

    asked()
    return asked


def lose_orders() -> None:
    """What a failover does that lost the newest commits."""
    RevocationOrder.objects.all().delete()
    Plane.objects.update(n=0)


def begin_a_new_plane(*, epoch: int) -> None:
    """What `new-epoch` writes: another plane, and a site epoch that no counter reaches."""
    lose_orders()
    Plane.objects.update(plane_id=uuid.uuid4())
    RevocationOrder.objects.create(kind=OrderKind.SITE, floor=epoch, at=timezone.now())
    Site.objects.update_or_create(pk=1, defaults={"epoch": epoch})


def incidents() -> list[TokenEvent]:
    return list(TokenEvent.objects.filter(kind=EventKind.DATABASE_BEHIND))


def test_it_is_one_event_however_many_processes_see_it(poll):
    revoke_elsewhere(OfUser("somebody"))
    poll()

    lose_orders()
    poll()
    database_behind.record(MIRROR._connection(), Behind(Plane.objects.get().plane_id, 7, 0))

    (event,) = incidents()
    assert event.data == {"plane": str(Plane.objects.get().plane_id), "from": 0, "to": 1}
    assert MIRROR.health().behind == 1


def test_an_hour_later_it_is_another(poll, clock):
    for _ in range(2):
        revoke_elsewhere(OfUser("somebody"))
        poll()
        lose_orders()
        poll()
        clock.shift(3601)

    assert len(incidents()) == 2


def test_an_event_that_cannot_be_written_is_written_a_minute_later(poll, boot_clock, monkeypatch):
    revoke_elsewhere(OfUser("somebody"))
    poll()
    lose_orders()
    with monkeypatch.context() as broken:
        broken.setattr(MIRRORS.here(), "_witnesses", [lambda connection, behind: 1 / 0])
        poll()
    poll()
    unwritten = incidents()

    boot_clock(60)
    poll()

    assert unwritten == []
    assert len(incidents()) == 1


def test_what_was_held_goes_when_it_would_have_expired(poll, clock, boot_clock):
    revoke_elsewhere(OfUser("somebody"))
    poll()
    lose_orders()
    poll()
    held = MIRROR.health().orders

    clock.shift(3600)
    boot_clock(61)
    poll()

    assert held == 1
    assert MIRROR.health().orders == 0


def test_an_order_that_was_lost_before_it_had_a_number_ends_too(poll, clock, boot_clock, monkeypatch):
    revoke_elsewhere(OfUser("first"))
    poll()
    with monkeypatch.context() as nobody:
        nobody.setattr(numbering, "number_visible", lambda connection, **more: [])
        revoke_elsewhere(OfUser("lost"))
        poll()
    lose_orders()
    poll()
    held = MIRROR.floors().floor(Kind.USER, "lost")

    clock.shift(3600)
    boot_clock(61)
    poll()

    assert held > 0
    assert MIRROR.floors().floor(Kind.USER, "lost") == 0


class TestANewPlane:
    def test_of_a_new_epoch_drops_what_was_held(self, poll):
        revoke_elsewhere(OfUser("somebody"))
        poll()

        begin_a_new_plane(epoch=UNIX)
        poll()

        assert MIRROR.floors().floor(Kind.USER, "somebody") == 0
        assert MIRROR.floors().floor(Kind.SITE) == UNIX

    def test_of_a_new_epoch_refuses_every_token_of_before(self, poll):
        session = log_in()
        assert session.accepts()

        begin_a_new_plane(epoch=UNIX)
        poll()

        assert not session.accepts()
        assert log_in().accepts()

    def test_of_a_new_epoch_leaves_killed_keys_dead(self, poll):
        RevocationOrder.objects.create(kind=OrderKind.KID, key="leaked", at=timezone.now())
        poll()

        begin_a_new_plane(epoch=UNIX)
        poll()

        assert MIRROR.floors().has_ended(Kind.KID, "leaked")

    def test_without_a_new_epoch_keeps_all(self, poll):
        revoke_elsewhere(OfUser("somebody"))
        poll()

        begin_a_new_plane(epoch=2)
        poll()

        assert MIRROR.floors().floor(Kind.USER, "somebody") > 0

    def test_is_loaded_beside_and_the_old_one_served_meanwhile(self, poll, monkeypatch):
        monkeypatch.setattr(source, "PAGE", 2)
        revoke_elsewhere(OfUser("somebody"))
        poll()
        begin_a_new_plane(epoch=UNIX)
        for n in range(9):
            revoke_elsewhere(OfUser(f"other{n}"))
        seen = []
        real = source.ask

        def watch(*args, **kwargs):
            seen.append((MIRROR.floors().floor(Kind.USER, "somebody"), MIRROR.floors().floor(Kind.SITE)))
            return real(*args, **kwargs)

        monkeypatch.setattr(source, "ask", watch)
        poll()

        assert len(seen) > 4
        assert {held > 0 for held, _ in seen} == {True}
        assert {site for _, site in seen} == {0}
        assert MIRROR.floors().floor(Kind.USER, "other8") > 0


def test_orders_of_the_new_history_are_obeyed(poll):
    session, other = log_in(), log_in()
    revoke(OfFamily(other.family_id))
    poll()
    lose_orders()
    poll()

    revoke_elsewhere(OfUser(users.key_of(session.user)))
    poll()

    assert not session.accepts()
    assert not other.accepts()
    assert Plane.objects.filter(n=F("n")).get().n == 1
