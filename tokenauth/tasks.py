"""The housekeeping jobs as Celery tasks; only Celery imports this, and no revocation waits for it."""

from typing import Any

from celery import shared_task

from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import Ran

_PREFIX = "tokenauth."


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return the entries for a site's `beat_schedule`: every job at its own pace.

    A run that waited in the broker until the next is due is dropped.
    """
    return {
        _PREFIX + name: {
            "task": _PREFIX + name,
            "schedule": float(job.every),
            "options": {"expires": float(job.every)},
        }
        for name, job in housekeeping.JOBS.items()
    }


@shared_task(name="tokenauth.purge", ignore_result=True)
def purge() -> int:
    """Delete what is past its time."""
    return _rows("purge")


@shared_task(name="tokenauth.stamp", ignore_result=True)
def stamp() -> int:
    """End the rows of families that an epoch has ended."""
    return _rows("stamp")


@shared_task(name="tokenauth.sweep", ignore_result=True)
def sweep() -> int:
    """End the tokens of accounts that changed where neither trigger nor signal saw it."""
    return _rows("sweep")


@shared_task(name="tokenauth.rotate_keys", ignore_result=True)
def rotate_keys() -> int:
    """Let the next access key sign in time; retire the keys that are spent."""
    return _rows("rotate_keys")


@shared_task(name="tokenauth.number", ignore_result=True)
def number() -> int:
    """Number the orders that nobody has numbered yet."""
    return _rows("number")


@shared_task(name="tokenauth.propagate_orders", ignore_result=True)
def propagate_orders() -> int:
    """Publish the orders that nobody has published; keep a snapshot for cold mirrors."""
    return _rows("propagate_orders")


def _rows(name: str) -> int:
    outcome = housekeeping.run(name)
    return outcome.rows if isinstance(outcome, Ran) else 0
