"""Waiting until every process has applied a revocation."""

import os
import signal
import time
import uuid

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from tests.crowd import beside
from tests.fleet import fleet, stopped
from tests.live import PROCESSES
from tests.models.conftest import sent
from tokenauth.flows import Applied, applied, revoke
from tokenauth.models import MirrorProcess, Plane, RevocationOrder, process
from tokenauth.revocation import numbering, source
from tokenauth.revocation.subjects import OfUser

__all__ = ["fleet"]

pytestmark = pytest.mark.django_db(transaction=True)

SOMEBODY = OfUser("somebody")


@pytest.fixture
def silent() -> MirrorProcess:
    """A process that is there and says nothing more."""
    source.make_plane(connection)
    row = MirrorProcess(id=uuid.uuid4(), host="web1", pid=7, kind="gunicorn", started_at=timezone.now())
    process.report(connection, row)
    return row


def test_without_wait_nobody_is_asked_and_nothing_more_is_sent():
    revoke(SOMEBODY)
    with sent() as statements:
        revoked = revoke(SOMEBODY)

    assert revoked.applied is None
    assert not any("mirrorprocess" in sql or "report_until" in sql for sql in statements)


def test_where_no_process_has_a_mirror_nobody_is_waited_for():
    source.make_plane(connection)
    revoke(SOMEBODY)
    with sent() as statements:
        revoked = revoke(SOMEBODY, wait=10)

    assert revoked.applied == Applied(0, 0, 0.0)
    assert sum("mirrorprocess" in sql for sql in statements) == 1


def test_who_says_nothing_is_missing_by_name(silent):
    revoked = revoke(SOMEBODY, wait=0.2)

    assert revoked.applied.missing == ("web1:7 (gunicorn)",)
    assert (revoked.applied.by, revoked.applied.of) == (0, 1)
    assert revoked.applied.seconds >= 0.2


def test_what_was_said_before_it_was_asked_does_not_count(silent):
    """Of a history that was lost: its numbers may be higher than any now."""
    silent.number = 1_000_000
    process.report(connection, silent)
    asked_later = MirrorProcess.objects.filter(pk=silent.pk).update(reported=Plane.objects.milliseconds() - 5)

    assert asked_later
    assert revoke(SOMEBODY, wait=0.1).applied.by == 0


def test_it_returns_as_soon_as_the_last_has_said_so(silent):
    def applies() -> None:
        while not Plane.objects.get().report_until:
            time.sleep(0.01)
        silent.number = 1
        process.report(connections["default"], silent)

    with beside(applies):
        revoked = revoke(SOMEBODY, wait=10)

    assert (revoked.applied.by, revoked.applied.of) == (1, 1)
    assert revoked.applied.seconds < 10


def test_an_order_that_another_was_about_to_number_is_numbered_all_the_same(silent, monkeypatch):
    number_visible = numbering.number_visible
    calls = []

    def busy_at_first(connection, **more):
        calls.append(1)
        return number_visible(connection, **more) if len(calls) > 1 else []

    monkeypatch.setattr(numbering, "number_visible", busy_at_first)

    revoked = revoke(SOMEBODY, wait=0.2)

    assert RevocationOrder.objects.get(pk=revoked.order_id).number is not None


@pytest.mark.parametrize("wait", [-1, 10.1, float("nan"), float("inf")])
def test_nobody_waits_for_longer_than_is_agreed(wait):
    with pytest.raises(ValueError, match="at most 10 seconds"):
        revoke(SOMEBODY, wait=wait)
    assert not RevocationOrder.objects.exists()


def test_inside_a_transaction_it_says_how_to_mend_that_and_revokes_nothing():
    with transaction.atomic(), pytest.raises(ValueError, match="leave `wait` out"):
        revoke(SOMEBODY, wait=1)
    assert not RevocationOrder.objects.exists()


class TestInAFleet:
    def test_all_refuse_and_say_so(self, fleet):
        revoked = revoke(SOMEBODY, wait=10)

        assert (revoked.applied.by, revoked.applied.of) == (PROCESSES, PROCESSES)
        assert revoked.applied.missing == ()
        number = RevocationOrder.objects.get(pk=revoked.order_id).number
        assert {row.number for row in MirrorProcess.objects.all()} == {number}
        assert len({row.pid for row in MirrorProcess.objects.all()}) == PROCESSES
        for _ in range(5):  # each time they are asked anew
            assert revoke(SOMEBODY, wait=10).applied.by == PROCESSES

    def test_one_that_is_stopped_is_named(self, fleet):
        held = MirrorProcess.objects.first()

        with stopped(held):
            revoked = revoke(SOMEBODY, wait=2)

        assert (revoked.applied.by, revoked.applied.of) == (PROCESSES - 1, PROCESSES)
        assert revoked.applied.missing == (str(held),)
        assert held.kind == "gunicorn"
        assert applied.everywhere([revoked.order_id], seconds=10).by == PROCESSES

    @pytest.mark.slow
    def test_one_that_ended_in_order_is_waited_for_no_longer_and_one_that_was_killed_is_named(self, fleet):
        ended, killed = MirrorProcess.objects.all()[:2]

        os.kill(ended.pid, signal.SIGTERM)
        until = time.monotonic() + 30
        while MirrorProcess.objects.filter(pk=ended.pk).exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        os.kill(killed.pid, signal.SIGKILL)
        revoked = revoke(SOMEBODY, wait=1)

        assert revoked.applied.missing == (str(killed),)
        assert (revoked.applied.by, revoked.applied.of) == (PROCESSES - 2, PROCESSES - 1)

    @pytest.mark.slow
    def test_unasked_the_fleet_writes_nothing(self, fleet):
        revoke(SOMEBODY, wait=10)
        Plane.objects.update(report_until=0)
        reported = set(MirrorProcess.objects.values_list("pk", "number"))

        before = RevocationOrder.objects.count()
        for _ in range(3):
            revoke(SOMEBODY)

        assert RevocationOrder.objects.count() == before + 3
        assert set(MirrorProcess.objects.values_list("pk", "number")) == reported
