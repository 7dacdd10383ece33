"""
Each folder here is a site of its own kind, with settings of its own and tests that hold under them.

    python -m pytest tests/sites/uuid_user --ds tests.sites.uuid_user.settings

A run under other settings leaves the folder out.
"""

from pathlib import Path

import pytest
from django.conf import settings

SITES = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out every site but the one whose settings are in force."""
    if collection_path.parent != SITES or not collection_path.is_dir():
        return None
    return f"tests.sites.{collection_path.name}.settings" != settings.SETTINGS_MODULE or None
