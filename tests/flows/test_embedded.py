"""A site that runs neither Celery nor cron keeps house all the same: a late job at a time."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.crowd import elsewhere
from tests.sessions import log_in
from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import JOBS, Job, batches, embedded, jobs
from tokenauth.flows.housekeeping.embedded import LATE, keep_house, turn
from tokenauth.models import TaskRun, TokenFamily
from tokenauth.revocation.process import MIRROR, ProcessMirror

pytestmark = pytest.mark.django_db


def turns(count: int) -> list[str | None]:
    return [turn() for _ in range(count)]


def test_a_new_site_runs_every_job_one_at_a_turn():
    assert turns(len(JOBS) + 1) == [*JOBS, None]
    assert housekeeping.overdue(timezone.now()) == []


def test_what_celery_or_cron_ran_in_time_is_left_to_them(clock):
    for name in JOBS:
        housekeeping.run(name)
    clock.shift(JOBS["number"].every * LATE - 1)

    assert turn() is None


def test_it_is_taken_over_before_it_is_called_overdue(clock):
    for name in JOBS:
        housekeeping.run(name)
    clock.shift(JOBS["number"].every * LATE)

    assert housekeeping.overdue(timezone.now()) == []
    assert turn() == "number"


def test_a_site_may_forbid_it(settings, django_assert_num_queries):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "EMBEDDED_TASKS": False}

    with django_assert_num_queries(0):
        assert turn() is None


def test_a_turn_is_one_batch_and_the_next_goes_on(monkeypatch, clock):
    monkeypatch.setattr(batches, "SIZE", 2)
    for _ in range(5):
        log_in()
    clock.shift(timedelta(days=31))
    left = []
    for _ in range(3):
        assert turn() == "purge"
        left.append(TokenFamily.objects.count())

    assert left == [3, 1, 0]


def test_what_another_process_runs_is_left_to_it():
    TaskRun.objects.lease("purge", jobs.LEASE, timezone.now())

    assert turn() == "stamp"


def test_a_job_that_is_broken_keeps_no_other_from_its_turn(monkeypatch):
    def broken(at, allowance):
        raise RuntimeError("no")

    monkeypatch.setitem(JOBS, "purge", Job(broken, every=60))

    assert turn() == "stamp"


@pytest.mark.django_db(transaction=True)
class TestTheThread:
    @pytest.fixture(autouse=True)
    def hasty(self, monkeypatch):
        monkeypatch.setattr(embedded, "PACE", 0.01)

    def test_takes_turns_until_it_is_told_to_stop(self):
        stop = threading.Event()
        thread = threading.Thread(target=keep_house, args=(stop,))
        thread.start()
        wait_until(lambda: TaskRun.objects.exclude(last_ok_at=None).count() == len(JOBS))
        stop.set()
        thread.join(10)

        assert not thread.is_alive()

    def test_outlives_a_turn_that_fails(self, monkeypatch, caplog):
        failures = iter([ConnectionError("away")])

        def fail_once() -> str | None:
            if (failure := next(failures, None)) is not None:
                raise failure
            stop.set()
            return None

        monkeypatch.setattr(embedded, "turn", fail_once)
        stop = threading.Event()
        keep_house(stop)

        assert "housekeeping_failed error=ConnectionError" in caplog.text

    def test_starts_with_the_mirrors_and_ends_with_it(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto"}
        mirror, ran, ended = ProcessMirror(), threading.Event(), threading.Event()

        def companion(stop: threading.Event) -> None:
            ran.set()
            stop.wait()
            ended.set()

        mirror.accompany(companion)
        elsewhere(mirror.stale)
        started = ran.wait(10)
        mirror.forget()

        assert started
        assert ended.wait(10)

    def test_is_what_every_process_of_a_site_has(self):
        assert keep_house in MIRROR._companions


def wait_until(holds, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
