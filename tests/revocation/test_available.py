"""MODE "available": accepted beyond the bound, counted, logged now and then, and no longer than it says."""

import pytest
from django.db import OperationalError

from tests.sessions import log_in, why_refused
from tokenauth.errors import Cause
from tokenauth.revocation import own_connection
from tokenauth.revocation.process import MIRROR

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(polling, boot_clock, silent_database):
    """A session whose token the mirror accepted before its database fell silent."""
    polling.TOKENAUTH = {**polling.TOKENAUTH, "MODE": "available", "AVAILABLE_SECONDS": 30}
    opened = log_in()
    assert opened.accepts()
    silent_database()
    return opened


def lines(caplog) -> list[str]:
    said = [record.getMessage() for record in caplog.records]
    return [line for line in said if line.startswith("accepted_by_stale_mirror ")]


def test_each_token_is_counted_and_a_line_comes_once_an_interval(session, boot_clock, caplog):
    boot_clock(5)
    for _ in range(10):
        assert session.accepts()
    first = len(lines(caplog))
    boot_clock(1.1)
    session.accepts()

    assert first == 1
    assert len(lines(caplog)) == 2
    assert "accepted=11" in lines(caplog)[-1]
    health = MIRROR.health()
    assert (health.mode, health.accepted_stale) == ("available", 11)


def test_the_bound_that_it_states_is_the_sum(session, boot_clock):
    boot_clock(30.7)  # 0.8 of the bound and 30 seconds
    inside = session.accepts()
    boot_clock(0.2)

    refused = why_refused(session.pair.access_token)

    assert inside
    assert refused is not None
    assert refused.cause is Cause.STALE_MIRROR


def test_not_every_request_waits_for_a_database_that_is_away(session, boot_clock, monkeypatch):
    tried = []

    def unreachable(alias, *, patience):
        tried.append(alias)
        raise OperationalError("no route to host")

    monkeypatch.setattr(own_connection, "opened", unreachable)
    boot_clock(5)

    for _ in range(10):
        session.accepts()

    assert len(tried) == 1


def test_nothing_is_counted_while_the_mirror_is_fresh(session):
    session.accepts()

    assert MIRROR.health().accepted_stale == 0
