"""The Celery tasks: thin, and nothing but Celery imports them."""

import subprocess
import sys

import pytest
from celery import current_app
from django.utils import timezone

from tokenauth import tasks
from tokenauth.flows.housekeeping import JOBS, jobs
from tokenauth.models import TaskRun


def test_there_is_a_task_for_every_job_and_beat_knows_it():
    schedule = tasks.beat_schedule()

    assert set(schedule) == {f"tokenauth.{name}" for name in JOBS}
    for name, entry in schedule.items():
        assert entry["task"] in current_app.tasks
        assert entry["schedule"] == entry["options"]["expires"] == JOBS[name.removeprefix("tokenauth.")].every


@pytest.mark.django_db
@pytest.mark.parametrize("name", list(JOBS))
def test_a_task_runs_its_job(name):
    result = getattr(tasks, name).apply(throw=True)

    assert result.result == 0
    assert TaskRun.objects.get(name=name).last_ok_at is not None


@pytest.mark.django_db
def test_a_task_that_comes_twice_or_beside_another_does_nothing():
    TaskRun.objects.lease("purge", jobs.LEASE, timezone.now())

    assert tasks.purge.apply(throw=True).result == 0
    assert TaskRun.objects.get(name="purge").last_ok_at is None


def test_a_site_without_celery_never_misses_it():
    program = "; ".join(
        [
            "import sys",
            "sys.modules['celery'] = None",
            "import django",
            "django.setup()",
            "import tokenauth.api.urls, tokenauth.checks, tokenauth.management.commands.tokenauth_run",
            "import tokenauth.management.commands.tokenauth_doctor",
            "print('tokenauth.tasks' in sys.modules)",
        ]
    )

    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == "False"
