"""Who has applied an order: every process says so itself while somebody asks (PROTOCOL 3)."""

import logging
import time
from collections.abc import Callable, Sequence

from django.db import connections

from tokenauth.flows.outcomes import Applied
from tokenauth.models.order import Plane, RevocationOrder
from tokenauth.models.process import MirrorProcess
from tokenauth.observability import log
from tokenauth.revocation import clock, numbering
from tokenauth.tokens.keyring import database

#: Seconds that one may wait at most.
LONGEST = 10
#: Seconds between the first two looks, and between two that follow much later.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.05


def can_wait() -> bool:
    """Whether what is revoked now is committed when `revoke` returns: what is not nobody else can apply."""
    connection = connections[database()]
    if not connection.in_atomic_block:
        return bool(connection.get_autocommit())
    # the transaction around a test is none of the site's, as `atomic(durable=True)` has it
    return all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def refuse_what_cannot_wait(seconds: float) -> None:
    """Raise ValueError where there is nothing to wait for, or for too long."""
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"wait is more than 0 and at most {LONGEST} seconds")
    if not can_wait():
        raise ValueError(
            "nobody can apply what is not committed: leave `wait` out inside of `transaction.atomic` and "
            "ATOMIC_REQUESTS, or revoke after the commit"
        )


def everywhere(order_ids: Sequence[int], *, seconds: float) -> Applied:
    """Wait until every process refuses what committed orders revoke, or the time is over.

    Args:
        order_ids: Of the same database.
        seconds: At most 10.
    Returns:
        How many processes have said so of how many that are there, and which have not. A process whose
        mirror has no thread says nothing, and so is not among them.

    Two queries where no process has a mirror, else three and one for each look.
    """
    began, numbers = clock.now(), _Numbers(order_ids)
    processes = MirrorProcess.objects.using(database())
    if not processes.live().exists():
        return Applied(0, 0, 0.0)
    asked = Plane.objects.using(database()).ask_for_reports(seconds)
    rows = looked(
        lambda row: (number := numbers.highest()) is not None and row.has_applied(number, since=asked),
        until=began + min(seconds, LONGEST),
    )
    missing = tuple(str(row) for row, has in rows if not has)
    outcome = Applied(len(rows) - len(missing), len(rows), round(clock.now() - began, 3), missing)
    log.note(
        "applied",
        level=logging.WARNING if missing else logging.INFO,
        number=numbers.highest(),
        by=outcome.by,
        of=outcome.of,
        seconds=outcome.seconds,
        missing=",".join(missing) or None,
    )
    return outcome


def looked(has: Callable[[MirrorProcess], bool], *, until: float) -> list[tuple[MirrorProcess, bool]]:
    """Look at the live processes until something holds of all, or until then.

    Args:
        until: Boot clock, seconds.
    Returns:
        Each process that was there at the last look, and whether it holds.
    """
    pause = _FIRST_PAUSE
    while True:
        rows = [(row, has(row)) for row in MirrorProcess.objects.using(database()).live()]
        left = until - clock.now()
        if left <= 0 or all(holds for _, holds in rows):
            return rows
        time.sleep(min(pause, left))
        pause = min(pause * 1.3, _LONGEST_PAUSE)


class _Numbers:
    """The highest number of some orders, once all of them have theirs."""

    def __init__(self, order_ids: Sequence[int]) -> None:
        self._ids = list(order_ids)
        self._highest: int | None = None

    def highest(self) -> int | None:
        if self._highest is None:
            orders = RevocationOrder.objects.using(database()).filter(pk__in=self._ids)
            found = list(orders.values_list("number", flat=True))
            numbers = [number for number in found if number is not None]
            if len(numbers) < len(found):  # another process was numbering: whoever comes first does it
                numbering.number_visible(connections[database()])
                return None
            self._highest = max(numbers, default=0)
        return self._highest
