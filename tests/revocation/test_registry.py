"""What a process says of itself beside its mirror, and when."""

import os
import threading
import time

import pytest
from django.db import OperationalError, connection

from tests.sessions import log_in
from tokenauth import __version__
from tokenauth.flows import revoke
from tokenauth.models import MirrorProcess, Plane, process, users
from tokenauth.models.process import PACE
from tokenauth.policy import fingerprint
from tokenauth.revocation import registry, source
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.registry import Reporter
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reporter(settings):
    """Of a process whose mirror is loaded by hand."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}
    source.make_plane(connection)
    MIRROR.stale()
    reporter = Reporter(registry._this_process())
    yield reporter
    reporter.hang_up()


@pytest.fixture
def written(monkeypatch):
    """The numbers that were reported."""
    numbers = []
    report = process.report
    monkeypatch.setattr(
        process, "report", lambda connection, row: numbers.append(row.number) or report(connection, row)
    )
    return numbers


def test_it_says_who_it_is_how_far_and_by_which_rules(reporter):
    reporter.turn()

    row = MirrorProcess.objects.live().get()
    assert (row.pid, row.release, row.notifier) == (os.getpid(), __version__, "polling")
    assert row.rules == fingerprint.of_rules()
    assert row.number == MIRROR.health().number
    assert row.age < 5_000


def test_unasked_it_reports_at_its_pace_whatever_happens(reporter, boot_clock, written):
    reporter.turn()
    revoke(OfUser("somebody"))
    boot_clock(1)
    MIRROR.stale()
    reporter.turn()
    assert written == [0]

    boot_clock(PACE)
    MIRROR.stale()
    reporter.turn()
    assert written == [0, 1]


def test_asked_it_reports_at_once_and_after_each_change_and_no_more(reporter, boot_clock, written):
    reporter.turn()
    Plane.objects.ask_for_reports(30)
    for _ in range(2):
        boot_clock(0.6)
        MIRROR.stale()
        reporter.turn()
    revoke(OfUser("somebody"))
    for _ in range(2):
        boot_clock(0.6)
        MIRROR.stale()
        reporter.turn()

    assert written == [0, 0, 1]


def test_many_orders_at_once_are_one_report(reporter, boot_clock, written):
    Plane.objects.ask_for_reports(30)
    boot_clock(0.6)
    MIRROR.stale()
    reporter.turn()
    for _ in range(5):
        revoke(OfUser("somebody"))  # known at once by the hint of the commit
        assert reporter.turn() <= 0.02
    boot_clock(0.03)
    reporter.turn()

    assert written == [0, 5]


def test_asked_by_another_it_says_it_once_more(reporter, boot_clock, written):
    for _ in range(2):
        Plane.objects.ask_for_reports(30)
        boot_clock(0.6)
        MIRROR.stale()
        reporter.turn()

    assert written == [0, 0]


def test_a_connection_is_held_only_while_somebody_asks(reporter, boot_clock):
    reporter.turn()
    assert reporter._own is None

    Plane.objects.ask_for_reports(30)
    boot_clock(0.6)
    MIRROR.stale()
    reporter.turn()
    assert reporter._own is not None


def test_a_report_that_failed_is_made_up_for(reporter, monkeypatch, written):
    def fail(*args):
        raise OperationalError("no route to host")

    with monkeypatch.context() as patch:
        patch.setattr(process, "report", fail)
        Plane.objects.ask_for_reports(30)
        MIRROR._poll()
        reporter.turn()
    time.sleep(0.02)
    reporter.turn()

    assert written == [0]


def test_nothing_is_said_before_the_mirror_has_loaded(reporter, written):
    MIRROR.forget()

    assert reporter.turn() < 1
    assert written == []


def test_who_ends_in_order_leaves_no_row_and_writes_none_afterwards(reporter, boot_clock):
    reporter.turn()

    reporter.leave()
    boot_clock(PACE)
    reporter.turn()

    assert not MirrorProcess.objects.exists()


def test_a_database_that_went_back_is_told_at_once_who_is_there(reporter, boot_clock, written):
    """A restored registry knows nobody, and the runbook asks it a moment later."""
    reporter.turn()
    MirrorProcess.objects.all().delete()
    Plane.objects.begin_anew()
    boot_clock(0.6)
    MIRROR.stale()
    assert MIRROR.to_report.is_set()

    reporter.turn()
    reporter.turn()

    assert written == [0, 0]
    assert MirrorProcess.objects.live().exists()


def test_the_end_of_a_process_waits_for_no_report_that_hangs(reporter, monkeypatch):
    monkeypatch.setattr(registry, "_FAREWELL", 0.01)
    reporter.turn()

    with reporter._writing:
        reporter.leave()

    assert MirrorProcess.objects.exists()


def test_no_request_waits_for_a_report(settings, monkeypatch):
    """A registry that hangs holds nobody who checks a token."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto"}
    hangs, released = threading.Event(), threading.Event()

    def hang(*args):
        hangs.set()
        released.wait(30)

    monkeypatch.setattr(process, "report", hang)
    session = log_in()
    assert session.accepts()
    assert hangs.wait(30)

    revoke(OfUser(users.key_of(session.user)))
    until = time.monotonic() + 30
    while session.accepts():
        assert time.monotonic() < until
    released.set()
    MIRROR.forget()


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["/venv/bin/gunicorn", "shop.wsgi", "--bind", "unix:/secret"], "gunicorn"),
        (["/venv/lib/gunicorn/__main__.py", "shop.wsgi"], "gunicorn"),
        (["manage.py", "runserver", "0.0.0.0:80"], "runserver"),
        (["manage.py", "--settings=x"], "manage"),
        (["/venv/bin/celery", "-A", "shop", "--broker", "amqp://user:password@host"], "celery"),
        (["x" * 100], "x" * 32),
        (["a b\x00c"], "a_b_c"),
        ([], ""),
    ],
)
def test_what_was_started_is_named_and_nothing_else_of_the_command_line(arguments, kind):
    assert registry._kind(arguments) == kind


@pytest.mark.parametrize(
    "change",
    [{"STALENESS_BOUND": 2.0}, {"POLICIES": {"kiosk": {"base": "browser", "absolute": 28800}}}],
    ids=["bound", "policy"],
)
def test_other_rules_are_another_digest(settings, change):
    before = fingerprint.of_rules()

    settings.TOKENAUTH = {**settings.TOKENAUTH, **change}

    assert fingerprint.of_rules() != before


def test_rules_that_cannot_be_read_are_said_to_be_so(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"kiosk": {"base": "nothing"}}}

    assert registry._rules() == "unreadable"
