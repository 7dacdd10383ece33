"""
Triggers against UPDATE, DELETE and TRUNCATE of events: a guard rail against slips, not against whoever may
drop a trigger. What shows tampering is the MAC, and a gap (PROTOCOL 6).

What deletes rightly says so in its own transaction, by a row that no other ever sees.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from django.core import mail
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth import conf
from tokenauth.audit.append_only import mysql, postgresql, sqlite
from tokenauth.audit.append_only.guards import Guard, guards
from tokenauth.models import triggers
from tokenauth.models.event import TokenEvent
from tokenauth.models.task import TaskRun
from tokenauth.tokens.keyring import database

#: The row of `TaskRun` that lets its own transaction delete events.
OPEN = "trail open"


class Dialect(Protocol):
    """What one kind of database needs; each is a module here."""

    #: What a test runner flushes the table with.
    FLUSHES: str

    def text(self, guard: Guard, /) -> str:
        """Return what the database keeps of a guard's trigger: what tells one release from another."""
        ...

    def create(self, guard: Guard, /) -> list[str]: ...
    def drop(self, guard: Guard, /) -> list[str]: ...
    def installed(self, connection: BaseDatabaseWrapper, table: str, /) -> Mapping[str, str]:
        """Return the texts of the table's triggers by name. One query."""
        ...


_DIALECTS: Mapping[str, Dialect] = {"postgresql": postgresql, "sqlite": sqlite, "mysql": mysql}


def is_wanted() -> bool:
    """Whether this site has the guards: its database has triggers, and `TRIGGERS` is not "off"."""
    return conf.current().TRIGGERS != "off" and is_known_here()


def is_known_here() -> bool:
    """Whether this database could carry the guards."""
    return connections[database()].vendor in _DIALECTS


def is_current() -> bool:
    """Whether the guards are there and of this release. One query."""
    connection = connections[database()]
    dialect, wanted = _DIALECTS[connection.vendor], _wanted(connection)
    there = dialect.installed(connection, TokenEvent._meta.db_table)
    return all(there.get(guard.name) == dialect.text(guard) for guard in wanted)


def install() -> bool:
    """Install the guards, or replace those of another release; return whether anything was done.

    Raises:
        OperationalError: The events' table was locked for longer than `triggers.LOCK_TIMEOUT`.
    """
    if is_current():
        return False
    remove()
    connection = connections[database()]
    dialect = _DIALECTS[connection.vendor]
    triggers.change(connection, [sql for guard in _wanted(connection) for sql in dialect.create(guard)])
    return True


def remove() -> None:
    """Remove the guards."""
    connection = connections[database()]
    dialect = _DIALECTS[connection.vendor]
    triggers.change(
        connection, [sql for guard in guards(connection, opened_by=OPEN) for sql in dialect.drop(guard)]
    )


@contextmanager
def opened(*, using: str) -> Iterator[None]:
    """Let the current transaction delete events, and no other. Two queries.

    For what deletes by right: the purge, and a site that moves old events elsewhere.
    """
    with transaction.atomic(using=using):
        mark = TaskRun.objects.using(using).create(name=OPEN)
        yield
        mark.delete(using=using)


def _wanted(connection: BaseDatabaseWrapper) -> list[Guard]:
    """All of them; but for what would refuse a test runner's flush, in Django's test environment."""
    in_the_way = _DIALECTS[connection.vendor].FLUSHES if hasattr(mail, "outbox") else ""
    return [guard for guard in guards(connection, opened_by=OPEN) if guard.against != in_the_way]
