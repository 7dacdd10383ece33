"""This process among those that have a mirror: beside the mirror it says how far it is (PROTOCOL 3).

Never on a request's path, and nothing is decided by it: people ask whether a revocation has arrived.
"""

import atexit
import contextlib
import logging
import os
import re
import socket
import sys
import threading
import uuid
from dataclasses import dataclass
from pathlib import PurePath

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

import tokenauth
from tokenauth import conf
from tokenauth.errors import UnknownPolicy
from tokenauth.models import process
from tokenauth.models.process import PACE, MirrorProcess
from tokenauth.observability import log
from tokenauth.policy import fingerprint
from tokenauth.revocation import clock, own_connection
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.keyring import database

#: Seconds between two looks whether the mirror has loaded.
_LOADING = 0.2
#: Seconds between two reports at least, however many orders arrive while somebody asks.
_LEAST = 0.02
_NO_NAME = re.compile(r"[^\w.-]+")


def keep_reporting(stop: threading.Event) -> None:
    """Report every 15 seconds, and after each change while somebody asks: a thread beside the mirror's."""
    asked = MIRROR.to_report
    reporter = Reporter(_this_process())
    unsubscribe = MIRROR.subscribe(lambda orders: asked.set() if MIRROR.report_until else None)
    _PRESENT[:] = [reporter]
    try:
        while not stop.is_set():
            pause = reporter.turn()
            asked.wait(pause)
            asked.clear()
    finally:
        unsubscribe()
        reporter.hang_up()


@dataclass(frozen=True, slots=True)
class _Said:
    """What a report was about: another one is due once any of it differs."""

    asked_until: int
    number: int


class Reporter:
    """Writes one process's row, by a connection that is held only while somebody asks."""

    def __init__(self, of: MirrorProcess) -> None:
        self._process = of
        self._said: _Said | None = None
        self._said_at = float("-inf")
        self._own: BaseDatabaseWrapper | None = None
        self._writing = threading.Lock()
        self._left = False

    def turn(self) -> float:
        """Report if that is due; return the seconds after which it may be due again. At most one query."""
        health, asked_until = MIRROR.health(), MIRROR.report_until
        if health.age is None:
            return _LOADING
        said = _Said(asked_until, health.number)
        is_asked = bool(asked_until) and said != self._said
        now = clock.now()
        since = now - self._said_at
        if is_asked and since < _LEAST:
            return _LEAST - since
        if is_asked or since >= PACE:
            self._said, self._said_at = said, now
            if not self._report(number=health.number, age=health.age):
                self._said = None
        return max(0.0, PACE - (clock.now() - self._said_at))

    def leave(self) -> None:
        """Take the row away. One query."""
        with self._writing:
            self._left = True
            if self._said is not None:
                process.take_leave(self._connection(), self._process)
                self.hang_up()

    def hang_up(self) -> None:
        """Let go of the connection."""
        own, self._own = self._own, None
        if own is not None:
            with contextlib.suppress(Exception):
                own.close()

    def _report(self, *, number: int, age: float) -> bool:
        self._process.number, self._process.age = number, round(age * 1000)
        self._process.rules, self._process.notifier = _rules(), MIRROR.notifier[:16]
        try:
            with self._writing:
                if not self._left:
                    process.report(self._connection(), self._process)
        except Exception as failure:  # the next turn may find the database again
            log.note("report_failed", level=logging.WARNING, error=type(failure).__name__)
            self.hang_up()
            return False
        if not MIRROR.report_until:
            self.hang_up()
        return True

    def _connection(self) -> BaseDatabaseWrapper:
        if self._own is None:
            self._own = own_connection.opened(database(), patience=conf.current().STALENESS_BOUND)
        return self._own


#: The reporter of this process; a forked child that has not begun its own must not take its parent's away.
_PRESENT: list[Reporter] = []


@atexit.register
def take_leave() -> None:
    """Leave no row behind where the process ends in order; where it does not, the row grows old."""
    with contextlib.suppress(Exception):
        for reporter in _PRESENT:
            reporter.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_PRESENT.clear)


def _this_process() -> MirrorProcess:
    return MirrorProcess(
        id=uuid.uuid4(),
        host=_name(socket.gethostname().partition(".")[0], 64),
        pid=os.getpid(),
        kind=_kind(sys.argv),
        release=tokenauth.__version__[:32],
        started_at=timezone.now(),
    )


def _kind(arguments: list[str]) -> str:
    """Name what was started, and of manage.py which command; nothing else of the command line."""
    started = PurePath(arguments[0] if arguments else "")
    name = started.parent.name if started.name == "__main__.py" else started.stem
    if name in {"manage", "django-admin", "django"}:
        name = next((each for each in arguments[1:2] if each.isidentifier()), name)
    return _name(name, 32)


def _name(text: str, longest: int) -> str:
    return _NO_NAME.sub("_", text)[:longest]


def _rules() -> str:
    try:
        return fingerprint.of_rules()
    except (ImproperlyConfigured, UnknownPolicy):
        return "unreadable"
