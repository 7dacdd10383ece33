"""
Each folder here is a site of its own kind, with settings of its own and tests that hold under them.

    python -m pytest tests/sites/uuid_user --ds tests.sites.uuid_user.settings

A run under other settings leaves the folder out.
"""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from tests.factories import PASSWORD, ClientFactory
from tests.http import Http
from tokenauth.models import Client

pytest.register_assert_rewrite("tests.sites.everyday")

SITES = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out every site but the one whose settings are in force."""
    if collection_path.parent != SITES or not collection_path.is_dir():
        return None
    return f"tests.sites.{collection_path.name}.settings" != settings.SETTINGS_MODULE or None


@pytest.fixture
def http(client: Browser) -> Http:
    return Http(client)


@pytest.fixture
def ada(transactional_db: None) -> Any:
    """A user, by the manager of the site's own model."""
    return get_user_model().objects.create_user(ada_is_called(), password=PASSWORD)


@pytest.fixture
def web(transactional_db: None) -> Client:
    made: Client = ClientFactory(client_id="web", name="Web")
    return made


@pytest.fixture
def operator(transactional_db: None) -> Browser:
    """A browser in which a superuser is logged in."""
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("root@example.test", password=PASSWORD))
    return browser


def ada_is_called() -> str:
    return "ada@example.test" if get_user_model().USERNAME_FIELD == "email" else "ada"
