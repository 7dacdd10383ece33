"""`manage.py tokenauth_run`: housekeeping from cron."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tokenauth.flows.housekeeping import JOBS, Job, jobs
from tokenauth.models import TaskRun

pytestmark = pytest.mark.django_db


def run(*args: str) -> list[str]:
    out = StringIO()
    call_command("tokenauth_run", *args, stdout=out, stderr=out)
    return out.getvalue().splitlines()


def test_a_job_says_how_many_rows_it_changed():
    assert run("purge") == ["purge: 0 rows"]
    assert TaskRun.objects.get().last_ok_at is not None


def test_one_that_is_not_due_says_until_when(clock):
    run("purge")

    (line,) = run("purge")

    assert line.startswith("purge: not due before 20")


def test_force_runs_it_all_the_same():
    run("purge")

    assert run("purge", "--force") == ["purge: 0 rows"]


def test_one_that_runs_elsewhere_is_left_alone():
    TaskRun.objects.lease("stamp", jobs.LEASE, timezone.now())

    assert run("stamp", "--force") == ["stamp: another process runs it"]


def test_all_runs_every_job():
    assert [line.split(":")[0] for line in run("--all")] == list(JOBS)


def test_one_that_fails_does_not_stop_the_others_but_the_exit_status_tells(monkeypatch):
    def broken(at, allowance):
        raise RuntimeError("no")

    monkeypatch.setitem(JOBS, "purge", Job(broken, every=60))

    with pytest.raises(CommandError, match="failed: purge"):
        run("--all")
    assert set(TaskRun.objects.filter(last_ok_at__isnull=False).values_list("name", flat=True)) == (
        set(JOBS) - {"purge"}
    )


@pytest.mark.parametrize("args", [[], ["nothing"], ["purge", "nothing"]])
def test_a_job_must_be_named_and_be_there(args):
    with pytest.raises(CommandError, match="purge, stamp, sweep, rotate_keys, number"):
        run(*args)
    assert not TaskRun.objects.exists()
