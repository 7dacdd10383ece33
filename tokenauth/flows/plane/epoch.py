"""After a restore: another history begins, and everything that the former one issued is over (PROTOCOL 3)."""

import logging
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from tokenauth.audit import trail
from tokenauth.errors import Cause
from tokenauth.models import isolation
from tokenauth.models.account import Site
from tokenauth.models.event import EventKind
from tokenauth.models.order import OrderKind, Plane
from tokenauth.observability import log
from tokenauth.revocation import orders
from tokenauth.tokens.keyring import database


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """What is in force now."""

    plane_id: UUID
    epoch: int
    order_id: int


def new_epoch(*, actor: str = "") -> NewEpoch:
    """Give the plane another id and move the site's epoch beyond whatever a lost commit counted up to.

    Everybody has to log in again; every mirror loads anew and holds nothing of the former history. Joins
    the caller's transaction: plane, epoch, order and event commit together.
    """
    at, alias = timezone.now(), database()
    with isolation.read_committed(using=alias):
        plane_id = Plane.objects.using(alias).begin_anew()
        epoch = Site.objects.using(alias).begin_era(int(at.timestamp()))
        order = orders.record(OrderKind.SITE, floor=epoch, at=at, cause=Cause.REVOKED, actor=actor)
        event = trail.entry(
            EventKind.REVOKED,
            at=at,
            cause=Cause.REVOKED,
            actor=actor[:255],
            data={"everything": True, "new_epoch": epoch},
        )
        trail.save(event, using=alias)
    log.note("plane_new_epoch", level=logging.WARNING, plane=plane_id, epoch=epoch, actor=actor)
    return NewEpoch(plane_id, epoch, order.pk)
