"""When the housekeeping jobs last succeeded."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tokenauth.doctor import tasks
from tokenauth.doctor.findings import Level
from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import JOBS
from tokenauth.models.key import KeyPurpose
from tokenauth.tokens import records

pytestmark = pytest.mark.django_db


def late():
    return [found.text.split()[0] for found in tasks.jobs() if found.level is Level.WARNING]


def test_on_a_new_site_none_is_late():
    assert late() == []
    assert tasks.jobs()[0].text == "purge has never run, is due every 3600 s"


def test_those_that_nobody_runs_are_named(clock):
    records.make_missing(*KeyPurpose, at=timezone.now())
    clock.shift(timedelta(hours=3))
    housekeeping.run("purge")
    clock.shift(30)

    assert late() == [name for name in JOBS if name != "purge"]
    assert tasks.jobs()[0].text == "purge succeeded 30 s ago, is due every 3600 s"
