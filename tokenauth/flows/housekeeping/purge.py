"""Deleting what is past (PROTOCOL 2, 3)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from tokenauth import conf
from tokenauth.audit import append_only
from tokenauth.flows.housekeeping import batches
from tokenauth.flows.housekeeping.batches import Allowance
from tokenauth.models import (
    AccountState,
    Device,
    EventDetail,
    MirrorProcess,
    PasswordUpgrade,
    Plane,
    RevocationOrder,
    TokenEvent,
    TokenFamily,
)
from tokenauth.tokens.keyring import database

#: Seconds that families and orders are kept beyond their end, for the clocks of other machines.
SLACK = 3600
#: Seconds after which no save can be waiting for the mark of a better hash.
MARKS = 3600
#: Seconds that the row of a process is kept after it was last heard of.
PROCESSES = 3600
#: Seconds that a device without a family is kept after it was last heard of.
DEVICES = 90 * 86_400


def purge(at: datetime, allowance: Allowance | None = None) -> int:
    """Delete what is past its time; what is too much for one run is left to the next.

    Args:
        at: The job's one clock.
    Returns:
        How many rows.
    """
    allowance = allowance or Allowance()
    alias, settings = database(), conf.current()
    past = at - timedelta(seconds=SLACK)

    def deleted(rows: "QuerySet[Any]", deed: Callable[[Any], int] = batches.delete) -> int:
        return batches.each(rows, deed, using=alias, allowance=allowance)

    def older(rows: "QuerySet[Any]", field: str, seconds: int, deed: Callable[[Any], int]) -> int:
        return _older(rows, field, at - timedelta(seconds=seconds), deed, allowance)

    return (
        deleted(TokenFamily.objects.filter(absolute_expires_at__lte=past))
        + deleted(_spent_orders(past))
        + older(TokenEvent.objects.all(), "at", settings.EVENT_RETENTION, _delete_of_trail)
        + older(EventDetail.objects.all(), "event__at", settings.DETAIL_RETENTION, batches.delete)
        + deleted(_unheard_of(at - timedelta(seconds=DEVICES)), _delete_devices)
        + deleted(PasswordUpgrade.objects.made_before(at - timedelta(seconds=MARKS)))
        + deleted(MirrorProcess.objects.silent(PROCESSES))
    )


def _spent_orders(past: datetime) -> "QuerySet[RevocationOrder]":
    newest = Plane.objects.using(database()).values_list("n", flat=True).first()
    if newest is None:
        return RevocationOrder.objects.none()
    # the newest tells a mirror whether the database went back; above it lie those numbered meanwhile
    return RevocationOrder.objects.filter(number__lt=newest, until__lte=past)


def _older(
    rows: "QuerySet[Any]", field: str, moment: datetime, deed: Callable[[Any], int], allowance: Allowance
) -> int:
    # keys rise with time and no index leads to it: the first window with nothing old is the end
    alias, total = database(), 0
    for window in batches.windows(rows, field, using=alias, allowance=allowance):
        old = [key for key, at in window if at < moment]
        if not old:
            break
        # the window is the batch, and is counted as such
        total += batches.each(rows.filter(pk__in=old), deed, using=alias, allowance=Allowance(batches=1))
    return total


def _delete_of_trail(events: "QuerySet[TokenEvent]") -> int:
    with append_only.opened(using=events.db):
        batches.delete(EventDetail.objects.using(events.db).filter(event__in=events))
        return batches.delete(events)


def _unheard_of(moment: datetime) -> "QuerySet[Device]":
    # nothing says when a family was deleted, but its last event does when it was last used
    heard = TokenEvent.objects.filter(user_key=OuterRef("user_key"), device=OuterRef("pk"), at__gte=moment)
    return Device.objects.filter(
        ~Exists(TokenFamily.objects.filter(device=OuterRef("pk"))), ~Exists(heard), created_at__lt=moment
    )


def _delete_devices(batch: "QuerySet[Device]") -> int:
    # a login locks its account first, and its family's foreign key locks no device before the commit
    owners = AccountState.objects.filter(user_key__in=set(batch.values_list("user_key", flat=True)))
    held = list(batches.locked(owners, using=batch.db).values_list("user_key", flat=True))
    return batches.delete(batch.filter(user_key__in=held))
