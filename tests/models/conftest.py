"""Statements as the database gets them, and a second connection to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext

#: What opens and closes a transaction; it is not counted as a statement of a flow.
_FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Statements(list[str]):
    """What was sent while the `with` block ran."""


@contextmanager
def sent() -> Iterator[Statements]:
    """Collect the statements of the default connection."""
    statements = Statements()
    with CaptureQueriesContext(connection) as captured:
        yield statements
    statements += [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(_FRAME)]


@pytest.fixture
def elsewhere() -> Iterator[BaseDatabaseWrapper]:
    """Another connection to the same database, in autocommit."""
    other = connection.copy()
    yield other
    other.close()


@pytest.fixture
def fresh_connection() -> Iterator[None]:
    """A server connection that has prepared nothing, and none that outlives the test."""
    connection.close()
    yield
    connection.close()


@pytest.fixture
def own_mirror(settings) -> None:
    """As in production: what a flow asks its mirror goes over the mirror's connection."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "STALENESS_BOUND": 60}
