"""A mirror, loaded as each process does."""

import time
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.sessions import log_in
from tokenauth.doctor import plane
from tokenauth.doctor.findings import Level
from tokenauth.flows import revoke
from tokenauth.models import MirrorProcess, Plane, RevocationOrder, process, users
from tokenauth.revocation import numbering, source
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def as_served(settings):
    """A site outside the tests' own mode; nobody polls while a test looks."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}


@pytest.fixture
def revoked():
    """Two users who were revoked, their orders numbered."""
    for _ in range(2):
        revoke(OfUser(users.key_of(log_in().user)), reason="test")
    source.make_plane(connection)
    numbering.number_visible(connection)


def wrong():
    return [finding for finding in plane.mirror() if finding.level is not Level.OK]


def test_before_the_first_request_there_is_none():
    (found,) = plane.mirror()

    assert found.level is Level.OK
    assert not Plane.objects.exists()


def test_its_orders_number_and_age_are_told(revoked):
    loaded, polled = plane.mirror()

    assert loaded.text.startswith("2 orders, number 2, loaded in 0.")
    assert "age 0.0" in loaded.text
    assert polled.text.startswith("a poll takes ")
    assert wrong() == []


def test_more_orders_than_one_page_are_loaded(revoked, monkeypatch):
    monkeypatch.setattr(source, "PAGE", 1)

    assert plane.mirror()[0].text.startswith("2 orders, number 2")


def test_a_load_without_an_end_is_given_up(revoked, monkeypatch):
    monkeypatch.setattr(source, "PAGE", 0)

    with pytest.raises(plane.OperationalError):
        plane.mirror()


def test_a_database_too_slow_for_the_bound(revoked, settings, monkeypatch):
    ask = source.ask

    def slow(*args, **kwargs):
        time.sleep(0.06)
        return ask(*args, **kwargs)

    monkeypatch.setattr(source, "ask", slow)
    assert wrong() == []  # a quarter of one second is more

    settings.TOKENAUTH = {**settings.TOKENAUTH, "STALENESS_BOUND": 0.2}
    (found,) = wrong()
    assert "STALENESS_BOUND" in found.mend


def test_orders_that_nobody_numbers(revoked):
    RevocationOrder.objects.filter(number=2).update(number=None, until=None)
    assert wrong() == []

    RevocationOrder.objects.filter(number=None).update(at=timezone.now() - timedelta(minutes=3))
    (found,) = wrong()
    assert found.text == "orders that have no number after 120 s: 1"
    assert RevocationOrder.objects.filter(number=None).exists()


def test_the_tests_own_mode_is_not_for_a_site(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "each-check"}

    assert [finding.level for finding in wrong()] == [Level.WARNING]


class TestTheProcesses:
    @pytest.fixture
    def row(self, revoked):
        row = MirrorProcess(id=uuid.uuid4(), host="web1", pid=7, age=100, started_at=timezone.now())
        process.report(connection, row)
        return row

    def test_are_counted(self, row):
        assert "1 of 1 processes are current" in [finding.text for finding in plane.mirror()]
        assert wrong() == []

    def test_one_that_lags_is_a_warning_that_says_where_to_look(self, row):
        row.age = 90_000
        process.report(connection, row)

        (found,) = wrong()
        assert found.text == "0 of 1 processes are current"
        assert "tokenauth_plane status" in found.mend
