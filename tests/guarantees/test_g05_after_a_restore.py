"""Guarantee 5: after a restore the runbook's one command makes it true again that nothing is lost.

Each test stands in three histories: what the backup holds, what was lost with the commits after it, and
what followed the restore. Processes outlive all three.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from tests.factories import ClientFactory, UserFactory
from tests.fleet import fleet
from tests.restore import Backup
from tests.sessions import Session, claims_of, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import revoke
from tokenauth.models import Client, KeyRecord, Plane, RevocationOrder, Site, TokenEvent, users
from tokenauth.models.key import KeyPurpose, KeyState
from tokenauth.revocation import clock as boot_clock
from tokenauth.revocation import source
from tokenauth.revocation.process import MIRROR, MIRRORS, ProcessMirror
from tokenauth.revocation.subjects import Everything, OfKey, OfUser
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING

__all__ = ["fleet"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def polling(settings) -> None:
    """Mirrors as in production; requests poll for themselves, so that a process can sleep."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}
    source.make_plane(connection)


@pytest.fixture
def pass_by(monkeypatch) -> Callable[[], None]:
    """Time passes: every process that is asked then looks at the database first."""
    stands_at = {"seconds": boot_clock.now()}
    monkeypatch.setattr(boot_clock, "now", lambda: stands_at["seconds"])

    def shift() -> None:
        stands_at["seconds"] += 0.6

    return shift


@pytest.fixture
def neighbour() -> Iterator[ProcessMirror]:
    """Another process of the site."""
    mirror = ProcessMirror()
    yield mirror
    mirror.forget()


def new_epoch() -> None:
    """What the runbook says."""
    call_command("tokenauth_plane", "new-epoch", "--yes")


def restored(backup: Backup) -> None:
    """The database is put back. Keys and clients are read again: the process that restores is a new one."""
    backup.restored()
    KEYRING.forget()


def accepted(process: ProcessMirror, claims: AccessClaims) -> bool:
    return process.refused(claims) is None


def shown(session: Session) -> AccessClaims:
    return claims_of(session.pair.access_token)


def test_no_token_of_before_counts_anywhere(pass_by, neighbour):
    kept = log_in()
    backup = Backup.taken()
    lost = log_in(kept.user, kept.client, device="made after it")
    tokens = [shown(kept), shown(lost)]
    assert [accepted(neighbour, token) for token in tokens] == [True, True]

    restored(backup)
    new_epoch()
    pass_by()
    started_later = ProcessMirror()

    for process in (MIRROR, neighbour, started_later):
        assert [accepted(process, token) for token in tokens] == [False, False]
    assert isinstance(kept.show(kept.pair.refresh_token), Refused)
    assert isinstance(lost.show(lost.pair.refresh_token), Refused)
    started_later.forget()


def test_a_process_that_slept_through_it_notices_though_every_number_has_come_again(pass_by, neighbour):
    session = log_in()
    revoke(OfUser("before"))
    backup = Backup.taken()
    revoke(OfUser("lost"))
    revoke(OfUser("lost too"))
    token = shown(session)
    assert accepted(neighbour, token)
    known = RevocationOrder.objects.latest("number")

    restored(backup)
    new_epoch()
    revoke(OfUser("after"))
    again = RevocationOrder.objects.latest("number")
    assert (again.number, again.pk) == (known.number, known.pk)  # nothing of it looks another history
    pass_by()

    assert not accepted(neighbour, token)


def test_no_epoch_that_a_lost_revocation_counted_up_to_is_reached(pass_by, neighbour):
    backup = Backup.taken()
    for _ in range(3):
        revoke(Everything())
    lost = log_in()
    token = shown(lost)
    assert token.ep.site == 3

    restored(backup)
    new_epoch()
    pass_by()
    started_later = ProcessMirror()

    assert not accepted(neighbour, token)
    assert not accepted(started_later, token)
    started_later.forget()


def test_the_command_twice_ends_what_was_given_in_between(pass_by, neighbour):
    new_epoch()
    between = log_in()
    token = shown(between)
    assert accepted(neighbour, token)

    new_epoch()
    pass_by()

    assert not accepted(neighbour, token)
    assert isinstance(between.show(between.pair.refresh_token), Refused)


def test_who_logs_in_again_is_accepted_by_processes_that_knew_what_was_lost(pass_by, neighbour):
    session = log_in()
    backup = Backup.taken()
    for _ in range(3):
        revoke(OfUser(users.key_of(session.user)))
    pass_by()
    assert not accepted(neighbour, shown(session))  # it knows of account epoch 3

    restored(backup)
    new_epoch()
    MIRROR.forget()  # the process of the login knows nothing of it
    pass_by()
    again = log_in(session.user, session.client)

    assert shown(again).ep.user < 3
    assert accepted(neighbour, shown(again))
    assert again.refresh()
    assert not accepted(neighbour, shown(session))


def test_until_the_command_is_given_a_process_forgets_nothing(pass_by, neighbour):
    session = log_in()
    backup = Backup.taken()
    revoke(OfUser(users.key_of(session.user)))
    pass_by()
    assert not accepted(neighbour, shown(session))

    restored(backup)
    Plane.objects.using("default").begin_anew()
    pass_by()

    assert not accepted(neighbour, shown(session))


def test_a_key_that_was_killed_since_the_backup_stays_dead_where_that_is_known(
    pass_by, neighbour, monkeypatch
):
    # else it would be killed again before it could sign anything
    monkeypatch.setattr(MIRRORS.here(), "_witnesses", [])
    log_in()
    backup = Backup.taken()
    leaked = KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.ACTIVE).kid
    revoke(OfKey(leaked))
    pass_by()
    neighbour.stale()

    restored(backup)
    new_epoch()
    pass_by()
    forged = shown(log_in())
    assert forged.kid == leaked  # the restored database signs with it again

    assert neighbour.refused(forged) == Refused(Cause.REVOKED, forged.sid)


def test_it_is_one_commit_and_stands_in_the_trail():
    before = Plane.objects.get().plane_id

    new_epoch()

    event, order, site = TokenEvent.objects.latest("id"), RevocationOrder.objects.get(), Site.objects.get()
    assert Plane.objects.get().plane_id != before
    assert site.epoch == order.floor == event.data["new_epoch"]
    assert event.actor == "manage.py tokenauth_plane"


@pytest.fixture
def world(transactional_db) -> tuple[Any, Client]:
    """Whom the site knows before it starts."""
    return UserFactory(), ClientFactory()


def test_a_fleet_that_stays_up_ends_what_was_lost_and_lets_people_in_again(world, fleet):
    backup = Backup.taken()
    for _ in range(3):
        revoke(OfUser(users.key_of(world[0])))
    lost = fleet.log_in(*world)["access_token"]

    with fleet.line_to_each_process() as lines:

        def answers(bearer: str) -> set[int]:
            return {line.get("/auth/sessions/", bearer=bearer).status for line in lines.values()}

        before = answers(lost)
        restored(backup)
        new_epoch()
        call_command("tokenauth_plane", "probe", "--timeout", "20")  # fails unless all follow
        after = answers(lost)
        again = answers(fleet.log_in(*world)["access_token"])

    assert (before, after, again) == ({200}, {401}, {200})
