"""A database that fails a flow once, at one of its steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Generic, TypeVar

from django.db import Error, InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.guarantees.statements import watched

World = TypeVar("World")


class When(StrEnum):
    #: The step is never taken.
    BEFORE = "before"
    #: It is taken, then the connection is cut: nobody learns what became of it.
    CUT_AFTER = "cut after"
    #: It is taken, the connection stays: a time limit of the site's, a wrapper of its own.
    AFTER = "after"


@dataclass
class Fault:
    """One step that fails, once."""

    step: int
    when: When
    error: type[Error] = OperationalError
    #: The SQL that it struck; None while it has not struck.
    struck: str | None = None

    def __str__(self) -> str:
        return f"{self.when} step {self.step}: {(self.struck or 'never struck')[:70]}"


@contextmanager
def failing(fault: Fault) -> Iterator[None]:
    """Let the fault strike this thread's connection."""
    passed = 0

    def around(sql: str, proceed: Callable[[], Any]) -> Any:
        nonlocal passed
        passed += 1
        if passed != fault.step:
            return proceed()
        fault.struck = sql
        taken = fault.when is not When.BEFORE
        if taken:
            proceed()
        # a BEGIN that Django believes has failed is one that it never takes back
        is_unknown_begin = taken and sql.startswith("BEGIN")
        # a driver raises it where its connection is gone: Django rolls back no COMMIT that ends so
        is_lost_commit = sql == "COMMIT" and issubclass(fault.error, InterfaceError)
        if fault.when is When.CUT_AFTER or is_unknown_begin or is_lost_commit:
            cut.append(_cut(connection))
        raise fault.error("the connection was lost")

    cut: list[Any] = []
    try:
        with watched(around) as connection:
            yield
    finally:
        for raw in cut:
            raw.close()


def _cut(connection: BaseDatabaseWrapper) -> Any:
    """End the session on the server's side; return what is left of it on ours, to be closed later.

    Django reads and closes cursors of the lost connection; SQLite's raise for it once it is closed, and
    PyMySQL's closes once.
    """
    raw = connection.connection
    connection._close = raw.close if connection.vendor == "postgresql" else raw.rollback
    try:
        connection.close()
    finally:
        del connection._close
    return raw


@dataclass(frozen=True)
class Attempt(Generic[World]):
    """A request that met a fault, in a world of its own."""

    world: World
    fault: Fault
    #: What the flow answered, or the database error that left it.
    outcome: Any


def attempts(
    arrange: Callable[[], World],
    request: Callable[[World], Any],
    *,
    when: tuple[When, ...] = (When.BEFORE, When.CUT_AFTER),
    error: type[Error] = OperationalError,
) -> Iterator[Attempt[World]]:
    """Meet every fault of a flow: each in a fresh world, step by step until the flow ends unharmed."""
    for each in when:
        for step in count(1):
            world, fault = arrange(), Fault(step, each, error)
            with failing(fault):
                outcome = _outcome_of(request, world)
            if fault.struck is None:
                break
            yield Attempt(world, fault, outcome)


def _outcome_of(request: Callable[[World], Any], world: World) -> Any:
    try:
        return request(world)
    except Error as failure:
        return failure
