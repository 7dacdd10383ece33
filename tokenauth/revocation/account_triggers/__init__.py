"""
The trigger on the user's table: an account that changes ends its tokens in the same statement (PROTOCOL 2).

It sees what no signal sees: update(), bulk_update(), raw SQL, another program. Where there can be none
(a setting, users in another database, a vendor without one here), the signals do it instead, never both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth import conf
from tokenauth.models import triggers, users
from tokenauth.models.account import AccountState
from tokenauth.models.upgrade import PasswordUpgrade
from tokenauth.revocation import clock
from tokenauth.revocation.account_triggers import mysql, postgresql, sqlite
from tokenauth.revocation.account_triggers.target import Target, target, watched_fields
from tokenauth.tokens.keyring import database

#: Seconds after which a process looks again for a trigger that was missing.
LOOK_AGAIN = 30


class Dialect(Protocol):
    """What one kind of database needs; each is a module here."""

    def create(self, aim: Target, /) -> list[str]: ...
    def drop(self, aim: Target, /) -> list[str]: ...
    def is_current(self, connection: BaseDatabaseWrapper, aim: Target, /) -> bool: ...


_DIALECTS: Mapping[str, Dialect] = {"postgresql": postgresql, "sqlite": sqlite, "mysql": mysql}


class Mode(StrEnum):
    """Who ends the tokens of an account that changes."""

    TRIGGERS = "triggers"
    SIGNALS = "signals"


class WhyNot(StrEnum):
    """Why there can be no trigger."""

    SETTING = "TOKENAUTH['TRIGGERS'] is 'off'"
    ELSEWHERE = "the users lie in another database"
    VENDOR = "no trigger is known for this database"


def why_not() -> WhyNot | None:
    """Return why no trigger can be used; None where it can."""
    if conf.current().TRIGGERS == "off":
        return WhyNot.SETTING
    if users.database() != database():
        return WhyNot.ELSEWHERE
    if connections[database()].vendor not in _DIALECTS:
        return WhyNot.VENDOR
    return None


def mode() -> Mode:
    """Return who ends tokens here: the trigger where it may be used and is there.

    One query in a process, and one each `LOOK_AGAIN` seconds while the trigger is missing: meanwhile the
    signals are in charge. One that is removed while processes run is not noticed by them:
    `TRIGGERS: "off"` and a restart come first.
    """
    if why_not() is not None:
        return Mode.SIGNALS
    where = (conf.namespace(), database())
    if where not in _FOUND or _FOUND[where].is_past():
        _FOUND[where] = _Found(Mode.TRIGGERS, None) if is_current() else _Found.missing()
    return _FOUND[where].mode


@dataclass(frozen=True, slots=True)
class _Found:
    mode: Mode
    until: float | None

    @classmethod
    def missing(cls) -> "_Found":
        return cls(Mode.SIGNALS, clock.now() + LOOK_AGAIN)

    def is_past(self) -> bool:
        return self.until is not None and clock.now() >= self.until


#: What this process found, by namespace and alias.
_FOUND: dict[tuple[str, str], _Found] = {}


def forget() -> None:
    """Ask the database again at the next change of an account."""
    _FOUND.clear()


def is_current() -> bool:
    """Whether the trigger is there, enabled, and says what this release says. One query or two."""
    connection = connections[database()]
    return _DIALECTS[connection.vendor].is_current(connection, target(connection))


def is_known_here() -> bool:
    """Whether this database could carry the trigger."""
    return connections[database()].vendor in _DIALECTS


def has_tables() -> bool:
    """Whether the trigger's tables exist yet. One query."""
    connection = connections[database()]
    there = set(connection.introspection.table_names())
    return {PasswordUpgrade._meta.db_table, target(connection).bare_table} <= there


def seen_fields() -> frozenset[str]:
    """Return the fields of the user model whose change the trigger sees."""
    return frozenset({"password", *watched_fields()})


def install() -> bool:
    """Install the trigger, or replace one of another release; return whether anything was done.

    Raises:
        OperationalError: The user's table was locked for longer than `triggers.LOCK_TIMEOUT`.
    """
    connection = connections[database()]
    forget()
    if is_current():
        return False
    aim, dialect = target(connection), _DIALECTS[connection.vendor]
    triggers.change(connection, dialect.drop(aim) + dialect.create(aim))
    # nobody keeps them up to date from now on
    AccountState.objects.using(connection.alias).forget_looks()
    return True


def remove() -> None:
    """Remove the trigger: from the next start of each process on, the signals do its work."""
    connection = connections[database()]
    forget()
    triggers.change(connection, _DIALECTS[connection.vendor].drop(target(connection)))
