"""docs/explanation/threat-model.md and the tests hold each other."""

import re
from datetime import timedelta

import pytest

from tests.docs import names
from tests.docs.threats import PAGE, Threat, overdue, reviewed, threats

THREATS = threats()


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.id)
def test_a_threat_names_tests_that_exist(threat: Threat):
    assert threat.held_by
    assert [name for name in threat.held_by if not names.exists(name)] == []


@pytest.mark.parametrize("guarantee", names.GUARANTEES)
def test_a_guarantee_is_named_by_a_threat(guarantee: str):
    assert any(name.startswith(guarantee) for threat in THREATS for name in threat.held_by)


def test_each_line_was_read():
    lines = re.findall(r"^- \*\*T\d.*", PAGE.read_text(), re.MULTILINE)

    assert [threat.id for threat in THREATS] == [line[4:7] for line in lines]
    assert len({threat.id for threat in THREATS}) == len(THREATS) > 30


def test_a_name_that_is_no_test_would_be_noticed():
    assert not names.exists("guarantees/test_g02_theft_is_found.py::test_it_is_not_found")
    assert not names.exists("guarantees/test_g99_nothing.py")


def test_a_review_counts_half_a_year():
    assert overdue(reviewed() + timedelta(days=180)) is None
    assert "181 days ago" in (overdue(reviewed() + timedelta(days=181)) or "")
