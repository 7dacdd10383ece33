"""The registry's rows: one statement a report, aged by one clock, gone from the list after a minute."""

import uuid

import pytest
from django.db import connection
from django.utils import timezone

from tests.models.conftest import sent
from tokenauth.models import MirrorProcess, Plane, process
from tokenauth.models.order import LONGEST_REPORTS
from tokenauth.revocation import source

pytestmark = pytest.mark.django_db


def a_process(**facts) -> MirrorProcess:
    usual = {"id": uuid.uuid4(), "host": "web1", "pid": 7, "kind": "gunicorn", "started_at": timezone.now()}
    return MirrorProcess(**{**usual, **facts})


def aged(row: MirrorProcess, seconds: int) -> None:
    MirrorProcess.objects.filter(pk=row.pk).update(reported=Plane.objects.milliseconds() - seconds * 1000)


@pytest.fixture(autouse=True)
def plane() -> None:
    source.make_plane(connection)


def test_a_report_is_one_statement_and_so_is_each_that_follows():
    row = a_process(number=3)

    with sent() as statements:
        process.report(connection, row)
        row.number = 4
        process.report(connection, row)

    assert len(statements) == 2
    assert MirrorProcess.objects.get().number == 4


def test_what_a_process_is_does_not_change_with_its_reports():
    row = a_process()
    process.report(connection, row)
    row.host, row.pid, row.started_at = "elsewhere", 8, timezone.now()
    process.report(connection, row)

    found = MirrorProcess.objects.get()
    assert (found.host, found.pid) == ("web1", 7)


@pytest.mark.parametrize(("seconds", "is_listed"), [(0, True), (59, True), (61, False)])
def test_who_was_not_heard_of_for_a_minute_is_gone(seconds, is_listed):
    row = a_process()
    process.report(connection, row)
    aged(row, seconds)

    assert MirrorProcess.objects.live().exists() is is_listed


@pytest.mark.parametrize(
    ("heard", "age", "is_current"), [(0, 0.3, True), (29, 0.3, True), (31, 0.3, False), (0, 1.1, False)]
)
def test_a_process_is_current_that_reports_in_time_with_a_fresh_mirror(heard, age, is_current):
    row = a_process(age=round(age * 1000))
    process.report(connection, row)
    aged(row, heard)

    assert MirrorProcess.objects.live().get().is_current(1.0) is is_current


def test_only_what_was_said_since_counts_as_applied():
    row = a_process(number=5)
    process.report(connection, row)
    found = MirrorProcess.objects.get()

    assert found.has_applied(5, since=found.reported)
    assert not found.has_applied(6, since=found.reported)
    assert not found.has_applied(5, since=found.reported + 1)


def test_one_takes_leave_and_no_other_goes_with_it():
    one, other = a_process(), a_process()
    for row in (one, other):
        process.report(connection, row)

    process.take_leave(connection, one)

    assert MirrorProcess.objects.get().pk == other.pk


class TestAskingForReports:
    def test_a_poll_brings_until_when_in_its_one_statement(self):
        asked = Plane.objects.ask_for_reports(5)

        with sent() as statements:
            answer = source.ask(connection, after=0)

        assert len(statements) == 1
        assert answer.report_until == asked + 5_000

    def test_without_it_nobody_reports(self):
        assert source.ask(connection, after=0).report_until == 0

    def test_what_is_over_asks_nobody(self):
        Plane.objects.update(report_until=Plane.objects.milliseconds() - 1)

        assert source.ask(connection, after=0).report_until == 0

    def test_nobody_can_make_processes_write_for_ever(self):
        Plane.objects.ask_for_reports(1e6)
        longest = source.ask(connection, after=0).report_until
        Plane.objects.update(report_until=2**60)

        assert 0 < longest <= Plane.objects.milliseconds() + LONGEST_REPORTS * 1000
        assert source.ask(connection, after=0).report_until == 0

    def test_each_asking_is_another_one_though_a_longer_one_is_in_force(self):
        Plane.objects.ask_for_reports(30)
        first = source.ask(connection, after=0).report_until
        Plane.objects.ask_for_reports(1)

        assert source.ask(connection, after=0).report_until > first
