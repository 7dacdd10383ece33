"""The guards of the trail."""

import pytest

from tests.checks.found import ids
from tokenauth.audit import append_only
from tokenauth.checks import trail as checks


@pytest.fixture
def guarded(transactional_db, tokenauth):
    """A site whose triggers are there, away again before its rows are flushed."""
    tokenauth(TRIGGERS="auto")
    append_only.install()
    yield
    append_only.remove()


def test_w015_events_that_nothing_guards(guarded):
    assert checks.events_are_guarded(databases=["default"]) == []

    append_only.remove()

    found = checks.events_are_guarded(databases=["default"])
    assert ids(found) == ["W015"]
    assert "tokenauth_triggers install" in found[0].hint
    assert checks.events_are_guarded() == []


def test_w015_is_silent_where_the_site_wants_no_triggers(guarded, tokenauth):
    append_only.remove()
    tokenauth(TRIGGERS="off")

    assert checks.events_are_guarded(databases=["default"]) == []
