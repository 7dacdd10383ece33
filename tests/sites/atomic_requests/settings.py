"""Several databases, each with ATOMIC_REQUESTS, and tokens in one of their own that a setting names."""

from typing import Any

from tests import databases
from tests.settings import *  # noqa: F403 - the tests' site, but for what stands below
from tests.settings import TOKENAUTH

DATABASES: dict[str, dict[str, Any]] = {
    alias: {**databases.chosen(alias), "ATOMIC_REQUESTS": True} for alias in ("default", "tokens", "other")
}
DATABASE_ROUTERS = ["tokenauth.routers.OwnDatabase"]
ROOT_URLCONF = "tests.sites.atomic_requests.urls"
TOKENAUTH = {**TOKENAUTH, "DATABASE": "tokens"}
