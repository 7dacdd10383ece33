"""Transactions whose later statements see what was committed meanwhile, and which errors only mean
that somebody else was first."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connections, transaction

#: Milliseconds that a refresh waits for a row another transaction holds.
LOCK_TIMEOUT = 300

# PostgreSQL: serialization failure, deadlock, lock not available
_TRANSIENT_STATES = frozenset({"40001", "40P01", "55P03"})
# MySQL: lock wait timeout, deadlock, record has changed, NOWAIT
_TRANSIENT_CODES = frozenset({1205, 1213, 1020, 3572})


@contextmanager
def read_committed(*, using: str) -> Iterator[None]:
    """A transaction at READ COMMITTED whatever the site's level, unless it joins the caller's."""
    connection = connections[using]
    opens = not connection.in_atomic_block
    if opens and connection.vendor == "mysql":
        with connection.cursor() as cursor:  # it holds for the next transaction only
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    with transaction.atomic(using=using):
        if opens and connection.vendor == "postgresql":  # its default may be the role's or the server's
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        yield


@contextmanager
def short_locks(*, using: str) -> Iterator[None]:
    """The same, and it waits at most `LOCK_TIMEOUT` for a row."""
    connection = connections[using]
    joins = connection.in_atomic_block
    with read_committed(using=using):
        if connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            callers = cursor.fetchone()[0] if joins else None
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
        yield
        if callers is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [callers])


def is_transient(failure: Error) -> bool:
    """Whether nothing was written and the same statement may succeed now."""
    cause = failure.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state in _TRANSIENT_STATES:
        return True
    code = failure.args[0] if failure.args else None
    return code in _TRANSIENT_CODES or "database is locked" in str(failure)
