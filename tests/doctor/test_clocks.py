"""How far this machine's clock is from another's."""

import time

import pytest
import time_machine
from django.db import connection

from tokenauth.doctor import clocks
from tokenauth.doctor.findings import Level


@pytest.mark.django_db
def test_the_databases_clock_is_this_machines():
    (found,) = clocks.of_database()

    assert found.level is Level.OK


@pytest.mark.django_db
@pytest.mark.parametrize(("hours", "said"), [(1, "behind this machine's"), (-1, "ahead of this machine's")])
def test_another_hour_than_the_databases_is_an_error(hours, said):
    with connection.cursor() as cursor:  # connects before the clock moves
        cursor.execute("SELECT 1")

    with time_machine.travel(time.time() + hours * 3600, tick=True):
        (found,) = clocks.of_database()

    assert found.level is Level.ERROR
    assert said in found.text
    assert "3600." in found.text or "3599." in found.text


@pytest.mark.parametrize(
    ("skew", "level"),
    [(0.5, Level.OK), (2, Level.WARNING), (-2, Level.WARNING), (11, Level.ERROR), (-11, Level.ERROR)],
)
def test_what_leeway_does_not_forgive_is_an_error(skew, level):
    found = clocks.beside_ours("its", 1_000_000 + skew, before=1_000_000, after=1_000_000)

    assert found.level is level


def test_what_the_network_may_have_taken_is_no_skew():
    found = clocks.beside_ours("its", 1_000_003, before=1_000_000, after=1_000_004)

    assert found.level is Level.OK
