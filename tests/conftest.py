"""What every test may ask for."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.cache import caches
from django.core.signals import request_started
from django.db import connection

from tests import databases, flushing
from tokenauth.api.authentication import CACHE
from tokenauth.audit import append_only
from tokenauth.flows.clients import USES
from tokenauth.flows.feed.reports import REPORTS
from tokenauth.policy.clients import DIRECTORY
from tokenauth.revocation import account_triggers
from tokenauth.revocation.process import MIRRORS
from tokenauth.risk import counters
from tokenauth.tokens.keyring import KEYRING

pytest_plugins = ["tests.conformance"]

flushing.delete_instead_of_truncate()
if databases.is_pooled():
    databases.drop_whoever_is_connected()

TESTS = Path(__file__).parent

#: Seconds in which minutes, hours and the 30 days of failures all end at once.
WHOLE_WINDOWS = 600 * 86_400


def pytest_report_header() -> str:
    return f"database: {settings.DATABASES['default']['ENGINE']}"


#: Folders and files whose tests another kind of database could decide otherwise.
DATABASE_BOUND = ("guarantees", "flows", "models", "revocation", "field", "test_receivers.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-bound",
        action="store_true",
        help="only what another kind of database could decide otherwise: "
        f"{', '.join(DATABASE_BOUND)}, and what is marked postgres",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need a back end are skipped, by name and with the reason, on any other."""
    if config.getoption("--database-bound"):
        left_out = [item for item in items if not _is_database_bound(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _is_database_bound(item)]
    unmet = {}
    if connection.vendor != "postgresql":
        unmet["postgres"] = pytest.mark.skip(reason="needs PostgreSQL")
    if databases.is_pooled():
        unmet["direct"] = pytest.mark.skip(reason="needs a server connection of its own")
    for item in items:
        for marker in unmet.keys() & set(item.keywords):
            item.add_marker(unmet[marker])


def _is_database_bound(item: pytest.Item) -> bool:
    part = item.path.relative_to(TESTS).parts[0]
    return part in DATABASE_BOUND or "postgres" in item.keywords


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """No test meets what another left in the process: keys, clients, uses, mirror, tokens, counters."""
    forget_everything()
    yield
    forget_everything()


@pytest.fixture(autouse=True)
def stepwise_tests_send_no_request(request: pytest.FixtureRequest) -> Iterator[None]:
    """They are left out where only requests differ, so they are held to it."""
    marks = request.keywords
    if "stepwise" not in marks or "over_http" in marks:
        yield
        return

    def refuse(**signal: object) -> None:
        raise AssertionError("a stepwise test sent a request: mark it over_http")

    request_started.connect(refuse)
    yield
    request_started.disconnect(refuse)


@pytest.fixture(autouse=True)
def windows_open_with_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """No minute ends, for a limit, between two requests of a test that is about it."""
    began = counters.unix_time()
    # a second of room: the fixture `clock` stands at the beginning of this one
    first = WHOLE_WINDOWS + 1
    monkeypatch.setattr(counters, "unix_time", lambda: time.time() - began + first)


def forget_everything() -> None:
    KEYRING.forget()
    DIRECTORY.forget()
    for mirror in MIRRORS.everywhere():  # of tenants that a test made up, too
        mirror.forget()
    CACHE.clear()
    USES.clear()
    REPORTS.clear()
    caches["default"].clear()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands until a test shifts it."""
    with time_machine.travel(datetime.now(UTC).replace(microsecond=0), tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def triggers(transactional_db: None, settings: Any) -> Iterator[None]:
    """The trigger on the users' table, away again before the rows are flushed."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "TRIGGERS": "auto"}
    account_triggers.install()
    yield
    account_triggers.remove()
    append_only.remove()
