"""How far each process is: all are asked to say so now."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tokenauth import conf
from tokenauth.flows import applied
from tokenauth.models.order import OrderKind, Plane, RevocationOrder
from tokenauth.models.process import MirrorProcess
from tokenauth.revocation import clock
from tokenauth.tokens.keyring import database

#: Orders without a number that are followed.
_FOLLOWED = 1_000


@dataclass(frozen=True, slots=True)
class LastOrder:
    """The newest order that has a number. Whom it is about is not told: that is a person."""

    kind: str
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Process:
    """One process as it says of itself."""

    name: str
    started_at: datetime
    #: Number of the newest order it has applied, and how many of those that were there are missing.
    number: int
    behind: int
    #: Seconds: the age of its mirror when it reported, and how long ago that was.
    age: float
    heard: float
    #: Whether it said so because it was just asked.
    answered: bool
    rules: str
    release: str
    notifier: str


@dataclass(frozen=True, slots=True)
class Status:
    """The plane and who follows it."""

    plane_id: UUID | None
    n: int
    #: Orders without a number, and those that still had none when the bound was over.
    backlog: int
    backlog_late: int
    last: LastOrder | None
    processes: tuple[Process, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Processes that have reported within a minute, and those of them whose mirrors are fresh."""

    seen: int
    fresh: int


def counted() -> Counted:
    """Count them by their last reports; nobody is asked. One query."""
    bound = conf.current().STALENESS_BOUND
    current = [row.is_current(bound) for row in MirrorProcess.objects.using(database()).live()]
    return Counted(len(current), sum(current))


def status() -> Status:
    """Ask every process how far it is; waits for the answers, `STALENESS_BOUND` at most.

    Of the database it changes nothing but until when reports are asked for.
    """
    alias, bound = database(), conf.current().STALENESS_BOUND
    plane = Plane.objects.using(alias).first()
    if plane is None:
        return Status(None, 0, 0, 0, None, ())
    began = clock.now()
    waiting = list(RevocationOrder.objects.using(alias).unnumbered().values_list("pk", flat=True)[:_FOLLOWED])
    rows = _answers(until=began + bound, n=plane.n)
    return Status(
        plane_id=plane.plane_id,
        n=plane.n,
        backlog=len(waiting),
        backlog_late=_still_waiting(waiting, until=began + bound),
        last=_last(),
        processes=tuple(rows),
    )


def _answers(*, until: float, n: int) -> Iterator[Process]:
    if not MirrorProcess.objects.using(database()).live().exists():
        return
    asked = Plane.objects.using(database()).ask_for_reports(conf.current().STALENESS_BOUND)
    for row, answered in applied.looked(lambda row: row.has_applied(n, since=asked), until=until):
        yield Process(
            name=str(row),
            started_at=row.started_at,
            number=row.number,
            behind=max(0, n - row.number),
            age=row.age / 1000,
            heard=max(0, row.heard) / 1000,
            answered=answered or row.reported >= asked,
            rules=row.rules,
            release=row.release,
            notifier=row.notifier,
        )


def _still_waiting(waiting: list[int], *, until: float) -> int:
    """Count those that nobody has numbered by then: clocks of writers say nothing of when they committed."""
    if not waiting:
        return 0
    time.sleep(max(0.0, until - clock.now()))
    orders = RevocationOrder.objects.using(database()).filter(pk__in=waiting)
    return orders.unnumbered().count()


def _last() -> LastOrder | None:
    newest = RevocationOrder.objects.using(database()).exclude(number=None).order_by("-number").first()
    if newest is None or newest.number is None:
        return None
    return LastOrder(OrderKind(newest.kind).name.lower(), newest.number, newest.at)
