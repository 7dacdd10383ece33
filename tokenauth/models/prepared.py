"""Statements that PostgreSQL plans once a connection (PROTOCOL 1): half of a refresh is planning."""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from tokenauth import conf
from tokenauth.observability import log

_GONE = "26000"  # a pooler gave us another server connection, or DISCARD ALL
_CHANGED = "0A000"  # a migration changed what the plan returns
_THERE = "42P05"  # another client of a pooler prepared it on this server connection

#: Raw connection -> names of what it has prepared.
_PREPARED: "WeakKeyDictionary[Any, set[str]]" = WeakKeyDictionary()
#: Raw connections on which nothing stays prepared.
_POOLED: "WeakSet[Any]" = WeakSet()


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `%s` for each parameter, and the parameters' types in order."""

    sql: str
    types: tuple[str, ...]
    name: str
    execute: str

    @classmethod
    def of(cls, sql: str, types: Sequence[str]) -> "Statement":
        return _statement(sql, tuple(types))

    @property
    def prepare(self) -> str:
        places = iter(range(1, len(self.types) + 1))
        numbered = re.sub("%s", lambda _: f"${next(places)}", self.sql)
        return f"PREPARE {self.name} ({', '.join(self.types)}) AS {numbered}"


@lru_cache(maxsize=256)
def _statement(sql: str, types: tuple[str, ...]) -> Statement:
    bare = tuple(re.sub(r"\([\d, ]+\)", "", type_) for type_ in types)
    # the name says all: whoever finds it prepared knows what it does
    digest = hashlib.sha256("|".join([sql, *bare]).encode()).hexdigest()[:16]
    name = f"tokenauth_{digest}"
    return Statement(sql, bare, name, f"EXECUTE {name} ({', '.join(['%s'] * len(bare))})")


def run(connection: BaseDatabaseWrapper, statement: Statement, parameters: Sequence[Any]) -> CursorWrapper:
    """Execute a statement, planned once where that is safe; the caller closes the cursor."""
    cursor = connection.cursor()
    if not _may_prepare(connection):
        cursor.execute(statement.sql, parameters)
        return cursor
    try:
        _execute_prepared(connection, cursor, statement, parameters)
    except DatabaseError as failure:
        state = _sqlstate(failure)
        if state not in (_GONE, _CHANGED):
            raise
        _execute_anew(connection, cursor, statement, parameters, gone=state == _GONE)
    return cursor


def _execute_anew(
    connection: BaseDatabaseWrapper,
    cursor: CursorWrapper,
    statement: Statement,
    parameters: Sequence[Any],
    *,
    gone: bool,
) -> None:
    try:
        _forget(connection, cursor, statement, gone=gone)
        _execute_prepared(connection, cursor, statement, parameters)
    except DatabaseError as failure:
        if _sqlstate(failure) != _GONE:
            raise
        # each statement meets another server connection: a pooler that the settings do not name
        _POOLED.add(connection.connection)
        log.note("pooler_found", level=logging.WARNING, database=connection.alias)
        cursor.execute(statement.sql, parameters)


def _execute_prepared(
    connection: BaseDatabaseWrapper, cursor: CursorWrapper, statement: Statement, parameters: Sequence[Any]
) -> None:
    known = _PREPARED.setdefault(connection.connection, set())
    if statement.name not in known:
        _prepare(cursor, statement)
        known.add(statement.name)
    cursor.execute(statement.execute, parameters)


def _prepare(cursor: CursorWrapper, statement: Statement) -> None:
    try:
        cursor.execute(statement.prepare)
    except DatabaseError as failure:
        if _sqlstate(failure) != _THERE:
            raise


def _forget(
    connection: BaseDatabaseWrapper, cursor: CursorWrapper, statement: Statement, *, gone: bool
) -> None:
    _PREPARED.get(connection.connection, set()).discard(statement.name)
    if not gone:
        cursor.execute(f"DEALLOCATE {statement.name}")


def _may_prepare(connection: BaseDatabaseWrapper) -> bool:
    # inside a transaction a failed EXECUTE would take the whole of it down
    if connection.vendor != "postgresql" or connection.in_atomic_block or not connection.get_autocommit():
        return False
    if connection.settings_dict.get("OPTIONS", {}).get("server_side_binding"):
        return False  # EXECUTE takes no bound parameters
    if connection.connection in _POOLED:
        return False
    match conf.current().PREPARED:
        case "on":
            return True
        case "off":
            return False
    return not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")


def _sqlstate(failure: DatabaseError) -> str | None:
    cause = failure.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
