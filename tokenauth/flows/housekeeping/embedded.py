"""Housekeeping on a site that runs neither Celery nor cron: late jobs, one batch a minute (PROTOCOL 3)."""

import logging
import random
import threading

from django.db import connections
from django.utils import timezone

from tokenauth import conf
from tokenauth.flows.housekeeping import jobs
from tokenauth.flows.housekeeping.batches import Allowance
from tokenauth.flows.housekeeping.jobs import Ran
from tokenauth.observability import log

#: Seconds between two turns of one process.
PACE = 60
#: Periods that a job is late before a process takes it over: sooner than it is called overdue, and late
#: enough that Celery or cron, where there are any, were first.
LATE = 1.5


def keep_house(stop: threading.Event) -> None:
    """Take a turn every minute until told to stop: a thread beside the mirror's.

    The processes of a site take theirs at different moments, and none at its start.
    """
    wait = random.uniform(PACE / 2, PACE * 1.5)  # noqa: S311 - no secret
    while not stop.wait(wait):
        wait = PACE
        try:
            turn()
        except Exception as failure:  # the next turn may find the database again
            log.note("housekeeping_failed", level=logging.WARNING, error=type(failure).__name__)
        finally:
            # none is held between turns: it would outlive the database it leads to
            connections.close_all()


def turn() -> str | None:
    """Run one batch of the first job that is late, unless another process has it or the site forbids it.

    Returns:
        The job that ran; None where there was none to run. One query where nothing is late.
    """
    if not conf.current().EMBEDDED_TASKS:
        return None
    for name in jobs.overdue(timezone.now(), periods=LATE):
        try:
            outcome = jobs.run(name, allowance=Allowance(batches=1))
        except Exception:  # noqa: S112 - `run` has logged it, and the others must not wait for it
            continue
        if isinstance(outcome, Ran):
            return name
    return None
