"""`manage.py tokenauth_plane`."""

import json
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from tests.factories import ClientFactory
from tests.fleet import fleet, stopped
from tests.live import PROCESSES
from tests.processes import a_process
from tokenauth.errors import Cause
from tokenauth.flows import feed, plane, revoke
from tokenauth.flows.plane.probe import PREFIX
from tokenauth.models import MirrorProcess, Plane, RevocationOrder, Site, TokenEvent, process
from tokenauth.models.order import OrderKind
from tokenauth.revocation import source
from tokenauth.revocation.subjects import OfUser

__all__ = ["fleet"]

pytestmark = pytest.mark.django_db(transaction=True)


def run(*args: str) -> list[str]:
    out = StringIO()
    call_command("tokenauth_plane", *args, stdout=out, stderr=out)
    return out.getvalue().splitlines()


def failed(*args: str) -> tuple[CommandError, list[str]]:
    out = StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("tokenauth_plane", *args, stdout=out, stderr=out)
    assert failure.value.returncode == 1
    return failure.value, out.getvalue().splitlines()


@pytest.fixture
def quick(settings) -> None:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "STALENESS_BOUND": 0.2}
    source.make_plane(connection)


def answering(monkeypatch, *rows: MirrorProcess) -> None:
    """Let these report whenever somebody asks, as a poll would have them do."""
    ask = type(Plane.objects.all()).ask_for_reports

    def asked(self, seconds):
        at = ask(self, seconds)
        time.sleep(0.002)
        for row in rows:
            process.report(connection, row)
        return at

    monkeypatch.setattr(type(Plane.objects.all()), "ask_for_reports", asked)


class TestStatus:
    def test_before_anything_there_is_nothing_and_nothing_is_made(self):
        assert run("status")[0] == "plane not made yet, newest number 0"
        assert not Plane.objects.exists()

    def test_it_tells_of_services_elsewhere(self, quick):
        ClientFactory(client_id="orders-api", resource=True)
        ClientFactory(client_id="silent-api", resource=True)
        feed.note_report("orders-api", rules="r1", in_step=False, refused={Cause.AUDIENCE: 2})

        shown = run("status")

        (line,) = [line for line in shown if line.startswith("service ")]
        assert line.startswith("service orders-api: of other rules, heard at 20")
        assert line.endswith("refused: audience 2")
        (told,) = json.loads("\n".join(run("status", "--json")))["services"]
        assert (told["client_id"], told["rules"], told["in_step"]) == ("orders-api", "r1", False)

    def test_it_names_nobody_who_was_revoked(self, quick):
        revoke(OfUser("ada@example.test"), actor="eve@example.test")

        shown = "\n".join([*run("status"), *run("status", "--json")])

        assert "last order: user, number 1, of 20" in shown
        assert "example.test" not in shown

    def test_each_process_is_told_with_number_age_and_rules(self, quick, monkeypatch):
        row = a_process(number=0, age=120, rules="abc", release="0.1.0", notifier="redis")
        answering(monkeypatch, row)

        line = run("status")[-1].split()

        assert line[:6] == ["web1:7", "(gunicorn)", "0", "0", "0.120", "s"]
        assert line[-3:] == ["abc", "0.1.0", "redis"]

    def test_who_does_not_answer_is_marked(self, quick):
        a_process()

        assert "not now" in run("status")[-1]

    def test_it_can_be_read_by_programs(self, quick, monkeypatch):
        answering(monkeypatch, a_process())

        shown = json.loads("\n".join(run("status", "--json")))

        assert shown["plane_id"] == str(Plane.objects.get().plane_id)
        assert shown["processes"][0]["answered"] is True
        assert shown["backlog"] == shown["backlog_late"] == 0


class TestCheck:
    def test_nothing_is_wrong_where_nobody_serves(self, quick):
        assert run("check")[0].startswith("No process has a mirror")

    def test_all_current(self, quick, monkeypatch):
        answering(monkeypatch, a_process(), a_process(pid=8))

        assert run("check") == ["2 of 2 processes are current."]

    def test_one_that_does_not_answer(self, quick):
        a_process()

        failure, (line,) = failed("check")

        assert str(failure) == "faults: 1"
        assert line.startswith("web1:7 (gunicorn) did not answer within 0.2 s")

    def test_one_whose_mirror_is_too_old(self, quick, monkeypatch):
        answering(monkeypatch, a_process(age=5_000))

        assert "has a mirror of 5.0 s" in failed("check")[1][0]

    def test_one_that_is_behind(self, quick, monkeypatch):
        revoke(OfUser("somebody"))
        answering(monkeypatch, a_process(number=0))

        assert "is 1 orders behind" in failed("check")[1][0]

    @pytest.mark.parametrize("what", ["rules", "release"])
    def test_one_that_goes_by_other_rules_than_the_others(self, quick, monkeypatch, what):
        rows = [a_process(pid=pid, **{what: "new"}) for pid in (1, 2, 3)]
        odd = a_process(pid=4, **{what: "old"})
        answering(monkeypatch, *rows, odd)

        assert failed("check")[1] == [f"web1:4 (gunicorn) has other {what} (old) than 3 of 4 (new)"]

    def test_orders_that_nobody_numbers(self, quick):
        RevocationOrder.objects.create(kind=OrderKind.USER, key="x", floor=1, at=timezone.now())

        assert failed("check")[1] == ["orders that nobody has numbered within the bound: 1"]


class TestProbe:
    def test_where_nobody_serves_it_fails_and_writes_nothing(self, quick):
        assert str(failed("probe")[0]).startswith("No process has a mirror")
        assert not RevocationOrder.objects.exists()

    def test_it_revokes_what_no_token_can_be(self, quick):
        a_process()

        failure, _ = failed("probe", "--timeout", "0.2")

        order = RevocationOrder.objects.get()
        assert str(failure) == "refused by 0 of 1; not within 0.2 s: web1:7 (gunicorn)"
        assert (order.kind, order.key.startswith(PREFIX)) == (OrderKind.JTI, True)
        assert order.until is not None  # it expires as others do
        assert TokenEvent.objects.get().actor == "manage.py tokenauth_plane"

    @pytest.mark.parametrize("timeout", ["0", "20.1", "nan", "soon"])
    def test_its_patience_is_bounded(self, timeout):
        with pytest.raises(CommandError, match="at most 20 seconds"):
            run("probe", "--timeout", timeout)

    def test_a_fleet_refuses_and_each_is_timed(self, fleet):
        times, refused = run("probe", "--timeout", "20")

        assert refused == f"refused by {PROCESSES} of {PROCESSES}"
        assert times.startswith("median ")
        found = plane.status()
        assert len(found.processes) == PROCESSES
        assert all(each.answered and not each.behind for each in found.processes)
        assert run("check") == [f"{PROCESSES} of {PROCESSES} processes are current."]

    def test_one_that_is_stopped_is_named(self, fleet):
        held = MirrorProcess.objects.first()

        with stopped(held):
            failure, _ = failed("probe", "--timeout", "2")
            faults = failed("check")[1]

        assert f"refused by {PROCESSES - 1} of {PROCESSES}; not within 2 s: {held}" == str(failure)
        assert [line for line in faults if line.startswith(f"{held} did not answer")]


class TestNewEpoch:
    def test_it_asks_first(self, monkeypatch, quick):
        before = Plane.objects.get().plane_id
        monkeypatch.setattr("builtins.input", lambda prompt: "yes")

        assert "nothing was changed" in str(failed("new-epoch")[0])
        assert Plane.objects.get().plane_id == before
        assert not Site.objects.exists()

    def test_where_nobody_can_be_asked_it_says_how_to_go_on(self, monkeypatch, quick):
        def nobody(prompt):
            raise EOFError

        monkeypatch.setattr("builtins.input", nobody)

        assert "--yes" in str(failed("new-epoch")[0])

    def test_confirmed_it_begins(self, monkeypatch, quick):
        monkeypatch.setattr("builtins.input", lambda prompt: "new epoch")
        earliest = int(time.time())

        (*_, line) = run("new-epoch")

        assert Site.objects.get().epoch >= earliest
        assert line.startswith(f"Epoch {Site.objects.get().epoch} of plane {Plane.objects.get().plane_id}")
