"""Which jobs there are, and running one where no other process runs it (PROTOCOL 3)."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils import timezone

from tokenauth import conf
from tokenauth.flows import keys
from tokenauth.flows.housekeeping.batches import Allowance
from tokenauth.flows.housekeeping.propagate import propagate_orders
from tokenauth.flows.housekeeping.purge import purge
from tokenauth.flows.housekeeping.stamp import stamp
from tokenauth.flows.housekeeping.sweep import sweep
from tokenauth.flows.keys import TooEarly
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.models.task import TaskRun
from tokenauth.observability import log
from tokenauth.revocation import orders
from tokenauth.tokens.keyring import database

#: Who rotates and retires, for the trail.
ACTOR = "tokenauth.rotate_keys"
#: Seconds after which a job whose process died may be started by another.
LEASE = 600
#: Seconds for which the shortest job may wait for a turn beside others before anybody is told.
_NEGLECTED = 600
#: Part of the time between two runs after which the next is due: no timer is exact.
_DUE = 0.9


@dataclass(frozen=True, slots=True)
class Job:
    """A function that returns how many rows it changed, and the seconds from one run to the next."""

    do: Callable[[datetime, Allowance], int]
    every: int


@dataclass(frozen=True, slots=True)
class Ran:
    """The job ran; it changed so many rows."""

    rows: int
    #: False where more is left than one run may take: the job stays due.
    finished: bool = True


@dataclass(frozen=True, slots=True)
class NotDue:
    """It succeeded not long ago."""

    until: datetime


@dataclass(frozen=True, slots=True)
class LeasedByAnother:
    """Another process runs it, or died while it did."""


def rotate_keys(at: datetime, allowance: Allowance | None = None) -> int:
    """Let the next access key sign where the one in use is old enough; retire the keys that are spent.

    Returns:
        How many keys changed their state.
    """
    active = KeyRecord.objects.using(database()).filter(purpose=KeyPurpose.ACCESS, state=KeyState.ACTIVE)
    record, changed = active.first(), 0
    if record is not None and (record.activated_at or record.created_at) <= at - timedelta(
        seconds=conf.current().KEY_LIFETIME
    ):
        # too early: the next one was announced late, and the old one signs on meanwhile
        changed += not isinstance(keys.rotate(KeyPurpose.ACCESS, at=at, actor=ACTOR), TooEarly)
    return changed + len(keys.retire_spent(at, actor=ACTOR))


def number(at: datetime, allowance: Allowance | None = None) -> int:
    """Number the orders that nobody has numbered yet; mirrors do it sooner where any runs."""
    return orders.number_what_waits()


JOBS: Mapping[str, Job] = {
    "purge": Job(purge, every=3600),
    "stamp": Job(stamp, every=3600),
    "sweep": Job(sweep, every=3600),
    "rotate_keys": Job(rotate_keys, every=3600),
    "number": Job(number, every=60),
    "propagate_orders": Job(propagate_orders, every=60),
}


def run(
    name: str, *, force: bool = False, allowance: Allowance | None = None
) -> Ran | NotDue | LeasedByAnother:
    """Run a job unless it ran not long ago or runs somewhere now. Not in a transaction: it makes its own.

    Args:
        name: A key of `JOBS`.
        force: Run it even if it is not due; never beside another run.
        allowance: How many batches it may take; 500 by default.
    Returns:
        What happened.
    Raises:
        KeyError: There is no such job.
        Exception: Whatever the job raised. Its lease is free again, so that the next try may begin at once;
            what it had done by then stays done.
    """
    job, at = JOBS[name], timezone.now()
    tasks = TaskRun.objects.using(database())
    if not force and (until := _due_at(name, tasks.filter(pk=name).first())) is not None and at < until:
        return NotDue(until)
    if not tasks.lease(name, LEASE, at):
        return LeasedByAnother()
    until, allowance = at + timedelta(seconds=LEASE), allowance or Allowance()
    try:
        rows = job.do(at, allowance)
    except BaseException as failure:
        log.note("job_failed", level=logging.ERROR, job=name, error=type(failure).__name__)
        tasks.released(name, until=until)
        raise
    if allowance.left_over:
        tasks.released(name, until=until)
    else:
        tasks.succeeded(name, at, until=until)
    log.note("job_ran", job=name, rows=rows, finished=not allowance.left_over)
    return Ran(rows, finished=not allowance.left_over)


def overdue(at: datetime, *, periods: float = 2, least: float = 0) -> list[str]:
    """Return the jobs that have not succeeded for so many of their periods, or never. One query.

    Args:
        least: Seconds that one must not have succeeded for, however short its periods are.
    """
    last = dict(TaskRun.objects.using(database()).values_list("name", "last_ok_at"))
    return [
        name
        for name, job in JOBS.items()
        if (ran := last.get(name)) is None or ran + timedelta(seconds=max(periods * job.every, least)) <= at
    ]


def neglected(at: datetime) -> list[str]:
    """Return the overdue jobs that somebody has to be told about: nobody runs them. Two queries.

    A site without a key, or that made its first less than two of the longest periods ago, is new: nobody
    has forgotten anything there.
    """
    first = KeyRecord.objects.using(database()).aggregate(at=Min("created_at"))["at"]
    longest = max(job.every for job in JOBS.values())
    if first is None or first + timedelta(seconds=2 * longest) > at:
        return []
    return overdue(at, least=_NEGLECTED)


def _due_at(name: str, task: TaskRun | None) -> datetime | None:
    if task is None or task.last_ok_at is None:
        return None
    return task.last_ok_at + timedelta(seconds=_DUE * JOBS[name].every)
