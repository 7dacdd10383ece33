"""Jobs that nobody runs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.checks.found import ids
from tokenauth.checks import housekeeping as checks
from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import JOBS
from tokenauth.models import TaskRun
from tokenauth.models.key import KeyPurpose
from tokenauth.tokens import records

pytestmark = pytest.mark.django_db
OURS = ["default"]


@pytest.fixture
def used_for_hours(clock):
    """A site that made its keys longer ago than any job may take."""
    records.make_missing(*KeyPurpose, at=timezone.now())
    clock.shift(timedelta(hours=3))


def test_w014_jobs_that_never_ran(used_for_hours):
    (found,) = checks.jobs_are_run(databases=OURS)

    assert ids([found]) == ["W014"]
    assert all(name in found.msg for name in JOBS)


def test_w014_a_job_that_used_to_run(used_for_hours, clock):
    for name in JOBS:
        housekeeping.run(name)
    assert checks.jobs_are_run(databases=OURS) == []

    clock.shift(timedelta(hours=2))
    for name in set(JOBS) - {"stamp", "purge"}:
        housekeeping.run(name)
    TaskRun.objects.filter(name="purge").update(last_ok_at=timezone.now() - timedelta(minutes=90))

    (found,) = checks.jobs_are_run(databases=OURS)
    assert found.msg == "Housekeeping has not succeeded for two of its periods: stamp."


def test_w014_the_shortest_job_may_wait_for_a_turn(used_for_hours, clock):
    for name in JOBS:
        housekeeping.run(name)

    clock.shift(timedelta(minutes=9))
    assert checks.jobs_are_run(databases=OURS) == []

    clock.shift(timedelta(minutes=1))
    assert "number" in checks.jobs_are_run(databases=OURS)[0].msg


def test_w014_a_new_site_has_forgotten_nothing(clock):
    assert checks.jobs_are_run(databases=OURS) == []

    records.make_missing(*KeyPurpose, at=timezone.now())
    clock.shift(timedelta(minutes=90))

    assert checks.jobs_are_run(databases=OURS) == []


def test_w014_asks_no_database_unless_it_may(used_for_hours, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert checks.jobs_are_run() == []
