"""An end-to-end probe: something that nobody has is revoked, and every process is timed."""

import logging
import secrets
import statistics
from dataclasses import dataclass
from uuid import UUID

from tokenauth import conf
from tokenauth.flows import applied
from tokenauth.flows.revoke import revoke
from tokenauth.models.order import Plane, RevocationOrder
from tokenauth.models.process import MirrorProcess
from tokenauth.observability import log
from tokenauth.revocation import clock
from tokenauth.revocation.subjects import OfToken
from tokenauth.tokens.keyring import database

#: Seconds that a probe may wait at most.
LONGEST_PROBE = 20
#: What the id of the revoked token begins with: no token's does, ours are base64url.
PREFIX = "probe:"


@dataclass(frozen=True, slots=True)
class Probed:
    """Seconds from the commit until each process had said that it refuses, and who has not."""

    took: tuple[float, ...]
    missing: tuple[str, ...]

    @property
    def of(self) -> int:
        return len(self.took) + len(self.missing)

    @property
    def median(self) -> float | None:
        return statistics.median(self.took) if self.took else None

    @property
    def worst(self) -> float | None:
        return max(self.took, default=None)


def probe(*, timeout: float = 5, actor: str = "") -> Probed:
    """Revoke a token that does not exist, and time each live process until it says that it has applied it.

    Args:
        timeout: Seconds to wait, at most 20.
        actor: For the trail.
    Raises:
        ValueError: Too long, or inside a transaction.

    Writes an order, which expires as any other does, and its event.
    """
    if not 0 < timeout <= LONGEST_PROBE:
        raise ValueError(f"timeout is more than 0 and at most {LONGEST_PROBE} seconds")
    if not applied.can_wait():
        raise ValueError("a probe inside a transaction would wait in vain: nothing of it is committed")
    found = Probed((), ())
    processes = MirrorProcess.objects.using(database()).live()
    if processes.exists():
        found = _probe(timeout, actor)
    log.note(
        "probe",
        level=logging.WARNING if found.missing else logging.INFO,
        by=len(found.took),
        of=found.of,
        worst=found.worst,
        missing=",".join(found.missing) or None,
    )
    return found


def _probe(timeout: float, actor: str) -> Probed:
    plane, bound = Plane.objects.using(database()), conf.current().STALENESS_BOUND
    asked = plane.ask_for_reports(timeout + 2 * bound)
    # every process knows now that it is asked: what follows times the order alone
    present = applied.looked(lambda row: row.reported >= asked, until=clock.now() + bound)
    those = {row.pk for row, _ in present}

    revoked = revoke(OfToken(PREFIX + secrets.token_urlsafe(12)), reason="probe", actor=actor)
    committed = plane.milliseconds()
    took: dict[UUID, float] = {}

    def has(row: MirrorProcess) -> bool:
        if row.pk not in those or row.pk in took:
            return True
        number = _number_of(revoked.order_id)
        if number is None or not row.has_applied(number, since=asked):
            return False
        took[row.pk] = max(0, row.reported - committed) / 1000
        return True

    rows = applied.looked(has, until=clock.now() + timeout)
    return Probed(tuple(took.values()), tuple(str(row) for row, holds in rows if not holds))


def _number_of(order_id: int) -> int | None:
    orders = RevocationOrder.objects.using(database()).filter(pk=order_id)
    return orders.values_list("number", flat=True).first()
