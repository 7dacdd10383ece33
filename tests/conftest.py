"""What every test may ask for."""

import pytest
from django.conf import settings
from django.db import connection


def pytest_report_header() -> str:
    return f"database: {settings.DATABASES['default']['ENGINE']}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `postgres` are skipped, by name and with the reason, on any other back end."""
    if connection.vendor == "postgresql":
        return
    elsewhere = pytest.mark.skip(reason="needs PostgreSQL")
    for item in items:
        if "postgres" in item.keywords:
            item.add_marker(elsewhere)
