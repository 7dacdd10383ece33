"""Sites of these tests have a database of their own: on which one the suite runs changes nothing."""

from pathlib import Path

import pytest
from django.db import connection

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if connection.vendor == "sqlite":
        return
    once = pytest.mark.skip(reason="runs once, beside the tests on SQLite")
    for item in items:
        if "slow" in item.keywords and HERE in item.path.parents:
            item.add_marker(once)
