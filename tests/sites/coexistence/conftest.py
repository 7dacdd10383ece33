"""The world of the site: that of the endpoint tests, with rows that are really committed."""

from typing import Any

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.api.conftest import ada, http, web
from tests.field.conftest import both_modes

__all__ = ["ada", "both_modes", "http", "web"]


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """ATOMIC_REQUESTS shows only where a request's transaction is its own."""


@pytest.fixture
def phone(ada: Any) -> TOTPDevice:
    """Ada's authenticator."""
    made: TOTPDevice = TOTPDevice.objects.create(user=ada, name="phone", confirmed=True)
    return made
