"""The revocation plane: a mirror is loaded as each process does, and the database's answers are timed."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from tokenauth import conf
from tokenauth.doctor.findings import Finding, ok, warning
from tokenauth.flows import plane
from tokenauth.models import RevocationOrder
from tokenauth.revocation import clock, source
from tokenauth.revocation.mirror import Mirror
from tokenauth.tokens.keyring import database

#: Questions one load asks at most: 10 million orders.
_MOST_PAGES = 2_000
#: Polls that are timed.
_POLLS = 9
#: Seconds after which an order should have its number, whoever gives it.
_NUMBERED_WITHIN = 120


@dataclass(frozen=True, slots=True)
class _Loaded:
    mirror: Mirror
    #: Boot clock, before the question whose answer was the last.
    asked_at: float
    #: Seconds from the first question on.
    took: float


def mirror() -> list[Finding]:
    """Load one, tell its age, number and orders, and how long a poll takes. It numbers nothing."""
    connection = connections[database()]
    loaded = _load(connection)
    if loaded is None:
        return [ok("no process has looked for revocations yet"), *_mode()]
    held, age = loaded.mirror, clock.now() - loaded.asked_at
    text = f"{len(held.floors)} orders, number {held.number}, loaded in {loaded.took:.3f} s, age {age:.3f} s"
    return [
        _load_time(text, loaded.took),
        _latency(connection, held.number),
        *_waiting(),
        *_processes(),
        *_mode(),
    ]


def _load(connection: BaseDatabaseWrapper) -> _Loaded | None:
    new, began = Mirror(), time.perf_counter()
    for _ in range(_MOST_PAGES):
        asked_at = clock.now()
        answer = source.ask(connection, after=new.number)
        if answer is None:
            return None
        new.take(answer)
        if len(answer.numbered) < source.PAGE:
            return _Loaded(new, asked_at, time.perf_counter() - began)
    raise OperationalError("the orders have no end")


def _load_time(text: str, took: float) -> Finding:
    if took <= conf.current().START_TIMEOUT / 2:
        return ok(text)
    mend = "The first request of a process waits that long: raise START_TIMEOUT, or let 'purge' run."
    return warning(text, mend=mend)


def _latency(connection: BaseDatabaseWrapper, number: int) -> Finding:
    taken = []
    for _ in range(_POLLS):
        began = time.perf_counter()
        source.ask(connection, after=number)
        taken.append(time.perf_counter() - began)
    typical, bound = statistics.median(taken), conf.current().STALENESS_BOUND / 4
    text = f"a poll takes {typical * 1000:.1f} ms, at worst {max(taken) * 1000:.1f} of {bound * 1000:.0f}"
    if max(taken) <= bound:
        return ok(text)
    mend = (
        "Bring the database nearer or relieve it, or raise STALENESS_BOUND: processes answer 503 meanwhile."
    )
    return warning(text, mend=mend)


def _waiting() -> Iterator[Finding]:
    since = timezone.now() - timedelta(seconds=_NUMBERED_WITHIN)
    waiting = RevocationOrder.objects.using(database()).unnumbered().filter(at__lt=since).count()
    if waiting:
        mend = (
            "A process that serves requests does it at its next poll; else 'manage.py tokenauth_run number'."
        )
        yield warning(f"orders that have no number after {_NUMBERED_WITHIN} s: {waiting}", mend=mend)


def _processes() -> Iterator[Finding]:
    processes = plane.counted()
    text = f"{processes.fresh} of {processes.seen} processes are current"
    if processes.fresh < processes.seen:
        mend = "'manage.py tokenauth_plane status' names them; one that was killed is gone after a minute."
        yield warning(text, mend=mend)
    elif processes.seen:
        yield ok(text)


def _mode() -> Iterator[Finding]:
    if conf.current().MIRROR == "each-check":
        mend = "Leave it to tests: set MIRROR to 'auto'."
        yield warning("MIRROR is 'each-check': every request asks the database for all orders", mend=mend)
