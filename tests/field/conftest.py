"""The world of the field cases: the one of the endpoint tests."""

import pytest

from tests.api.conftest import ada, http, web

__all__ = ["ada", "http", "web"]


@pytest.fixture(params=["signals", "triggers"])
def both_modes(request: pytest.FixtureRequest) -> None:
    """The case once with the trigger on the users' table, once with the signals alone."""
    if request.param == "triggers":
        request.getfixturevalue("triggers")
