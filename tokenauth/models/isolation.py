"""Short locking transactions, and which database errors only mean that somebody else was first."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections, transaction

#: Milliseconds that a flow waits for a row another transaction holds.
LOCK_TIMEOUT = 300

# PostgreSQL: serialization failure, deadlock, lock not available
_TRANSIENT_STATES = frozenset({"40001", "40P01", "55P03"})
# MySQL: lock wait timeout, deadlock, record has changed
_TRANSIENT_CODES = frozenset({1205, 1213, 1020})


@contextmanager
def short_locks(*, using: str) -> Iterator[None]:
    """A transaction whose later statements see what was committed meanwhile, and that waits briefly.

    READ COMMITTED on PostgreSQL and MySQL whatever the site's level, unless it joins the caller's.
    """
    connection = connections[using]
    opens = not connection.in_atomic_block
    if opens and connection.vendor == "mysql":
        with connection.cursor() as cursor:  # it holds for the next transaction only
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    with transaction.atomic(using=using):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                if opens:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
        yield


def is_transient(failure: DatabaseError) -> bool:
    """Whether nothing was written and the same statement may succeed now."""
    cause = failure.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state in _TRANSIENT_STATES:
        return True
    code = failure.args[0] if failure.args else None
    return code in _TRANSIENT_CODES or "database is locked" in str(failure)
