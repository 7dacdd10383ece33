"""Standing at every step that a flow takes in the database: each statement, and each COMMIT."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

#: Takes the step's SQL and a callable that takes the step; returns what that returned.
Around = Callable[[str, Callable[[], Any]], Any]


@contextmanager
def watched(around: Around, *, using: str = "default") -> Iterator[BaseDatabaseWrapper]:
    """Have `around` called for every step of this thread's connection.

    A COMMIT is a step too: Django sends it past the cursor, and its answer can be lost like any other.
    """
    connection = connections[using]
    commit, outer = connection._commit, connection.__dict__.get("_commit")

    def statement(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        return around(sql, lambda: execute(sql, parameters, many, context))

    connection._commit = lambda: around("COMMIT", commit)
    try:
        with connection.execute_wrapper(statement):
            yield connection
    finally:
        del connection._commit
        if outer is not None:
            connection._commit = outer


def steps_of(flow: Callable[[], Any]) -> list[str]:
    """Run a flow to its end and return its steps in order."""
    steps: list[str] = []

    def note(sql: str, proceed: Callable[[], Any]) -> Any:
        steps.append(sql)
        return proceed()

    with watched(note):
        flow()
    return steps
