"""The world of the field cases: the one of the endpoint tests."""

import pytest

from tests.api.conftest import ada, http, web
from tests.mirrors import boot_clock, polling, silent_database

__all__ = ["ada", "boot_clock", "http", "polling", "silent_database", "web"]


@pytest.fixture(params=["signals", "triggers"])
def both_modes(request: pytest.FixtureRequest) -> None:
    """The case once with the trigger on the users' table, once with the signals alone."""
    if request.param == "triggers":
        request.getfixturevalue("triggers")
