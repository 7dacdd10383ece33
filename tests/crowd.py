"""Several callers at once, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection, connections, transaction

T = TypeVar("T")

#: Seconds after which a thread that still waits has been forgotten.
PATIENCE = 60


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Let all calls go at one moment, each in its own thread; return what they returned, in order."""
    start = threading.Barrier(len(calls))

    def one(call: Callable[[], T]) -> T:
        connection.ensure_connection()
        start.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(_closing_its_connections(one), calls))


def elsewhere(call: Callable[[], T]) -> T:
    """Make a call in another thread and wait for it."""
    return at_once([call])[0]


@contextmanager
def beside(call: Callable[[], T]) -> Iterator["Future[T]"]:
    """A call that runs in another thread meanwhile; it has ended when the block is left."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(_closing_its_connections(lambda _: call()), None)


@contextmanager
def held_open(deed: Callable[[], object]) -> Iterator[None]:
    """Another connection's transaction that has done its deed and commits only after the block."""
    done, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                deed()
                done.set()
                assert release.wait(PATIENCE)
        finally:
            done.set()

    with beside(hold) as holder:
        try:
            assert done.wait(PATIENCE)
            if holder.done():
                holder.result()  # it failed: say why
            yield
        finally:
            release.set()
        holder.result(PATIENCE)


def _closing_its_connections(call: Callable[[Callable[[], T]], T]) -> Callable[[Callable[[], T]], T]:
    def closing(argument: Callable[[], T]) -> T:
        try:
            return call(argument)
        finally:
            connections.close_all()

    return closing
