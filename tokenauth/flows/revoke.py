"""Revoking: an epoch moves or something ends for good, and the order lies in the same commit (PROTOCOL 2)."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from tokenauth import signals
from tokenauth.audit import trail
from tokenauth.errors import Cause
from tokenauth.flows import applied, keys
from tokenauth.flows.outcomes import Revoked
from tokenauth.models import isolation
from tokenauth.models.account import AccountState, Site
from tokenauth.models.client import Client
from tokenauth.models.device import Device
from tokenauth.models.event import EventKind, TokenEvent
from tokenauth.models.family import TokenFamily
from tokenauth.models.order import OrderKind, RevocationOrder
from tokenauth.observability import log
from tokenauth.revocation import orders
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import (
    Everything,
    EverythingBefore,
    OfClient,
    OfDevice,
    OfFamily,
    OfKey,
    OfToken,
    OfUser,
    Subject,
)
from tokenauth.tokens.encoding import to_json
from tokenauth.tokens.keyring import database

#: Seconds that `EverythingBefore` lies in the past at least: clocks of other machines may be behind.
BEFORE_MARGIN = 60
#: Characters of a reason that are kept.
REASON = 200
#: Bytes of its JSON, so that an event's data holds it beside other facts.
_REASON_BYTES = 380
#: Accounts whose rows, orders and events one statement each writes.
_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Why:
    """Why something is revoked and by whom, for row, order and trail."""

    cause: Cause
    reason: str
    actor: str
    at: datetime

    @property
    def data(self) -> dict[str, Any] | None:
        reason = self.reason
        while len(to_json({"reason": reason})) > _REASON_BYTES:
            reason = reason[:-1]
        return {"reason": reason} if reason else None


def _why(cause: Cause, reason: str, actor: str) -> Why:
    return Why(cause, trail.storable(reason, REASON), trail.storable(actor, 255), timezone.now())


def revoke(
    subject: Subject,
    *,
    reason: str = "",
    actor: str = "",
    cause: Cause = Cause.REVOKED,
    wait: float = 0,
) -> Revoked:
    """Revoke a token, session, device, account, client, key, everything, or everything before a moment.

    Args:
        subject: What to revoke.
        reason: A human's words, for the trail; the first 200 characters are kept, fewer outside ASCII.
        actor: Who revokes, for the trail.
        cause: What the log says of refusals that follow.
        wait: Seconds to wait, at most 10, until every process has applied it; not in a transaction.
    Returns:
        What is in force once the transaction commits. Revoking twice is harmless. `applied` says who has
        applied it, where `wait` asked for that.
    Raises:
        ValueError: `EverythingBefore` lies less than 60 seconds in the past; `wait` is too long, or inside
            a transaction: nothing was revoked.
        LookupError: There is no such client, device or key.

    Joins the caller's transaction, so that a change and its revocation commit together; at most four
    queries whatever the number of sessions. Every process refuses within the staleness bound of the commit.
    """
    if wait:
        applied.refuse_what_cannot_wait(wait)
    why = _why(cause, reason, actor)
    with isolation.read_committed(using=database()):
        revoked = cast("Callable[[Subject, Why], Revoked]", _BY_SUBJECT[type(subject)])(subject, why)
    log.note("revoked", subject=type(subject).__name__, cause=cause, actor=actor, order=revoked.order_id)
    if wait:
        return replace(revoked, applied=applied.everywhere([revoked.order_id], seconds=wait))
    return revoked


def revoke_others(*, user_key: str, but_family: UUID, reason: str = "", actor: str = "") -> Revoked:
    """Revoke an account's sessions but one, which is stamped anew (PROTOCOL 2).

    The kept session's access token is dead at once too; its next refresh succeeds.

    Returns:
        `families` is 1 where the session could be kept, 0 where it had ended and so ended with the rest.
    """
    why = _why(Cause.REVOKED, reason, actor)
    alias = database()
    with isolation.read_committed(using=alias):
        epoch = _next_of_account(user_key)
        own = TokenFamily.objects.using(alias).filter(pk=but_family, user_key=user_key, revoked_at=None)
        kept = own.filter(ep_user=epoch - 1).update(ep_user=epoch)
        order = orders.record(
            OrderKind.USER, key=user_key, floor=epoch, at=why.at, cause=why.cause, actor=why.actor
        )
        _write(
            EventKind.REVOKED,
            why,
            user_key=user_key,
            family=but_family if kept else None,
            extra={"kept": kept},
        )
        _announce_account(user_key, why, kept=but_family if kept else None)
    return Revoked(order.pk, epoch, kept)


def revoke_accounts(
    user_keys: Iterable[str], *, cause: Cause = Cause.REVOKED, reason: str = "", actor: str = ""
) -> int:
    """Revoke many accounts, 500 at a time; for each the same as `revoke(OfUser(...))`.

    Returns:
        How many. Joins the caller's transaction, so that all commit with what called for it; seven
        queries for 500 accounts.
    """
    why, alias, total = _why(cause, reason, actor), database(), 0
    keys = iter(dict.fromkeys(user_keys))
    with isolation.read_committed(using=alias):
        while batch := list(itertools.islice(keys, _TOGETHER)):
            advanced = AccountState.objects.using(alias).advance_all(batch)
            epochs = {key: _account_beyond_known(key, epoch) for key, epoch in advanced.items()}
            _order_accounts(epochs, why)
            total += len(epochs)
    log.note("revoked", subject="accounts", cause=cause, actor=actor, accounts=total)
    return total


def _order_accounts(epochs: Mapping[str, int], why: Why) -> None:
    alias = database()
    RevocationOrder.objects.using(alias).bulk_create(
        orders.order(OrderKind.USER, key=key, floor=epoch, at=why.at, cause=why.cause, actor=why.actor)
        for key, epoch in epochs.items()
    )
    TokenEvent.objects.using(alias).bulk_create(
        trail.entry(
            EventKind.REVOKED, at=why.at, user_key=key, cause=why.cause, actor=why.actor, data=why.data
        )
        for key in epochs
    )
    orders.number_after_commit()
    for key in epochs:
        _announce_account(key, why)


def record_account_change(user_key: str, *, cause: Cause, actor: str = "") -> None:
    """Write the trail of a change that the trigger has turned into an order, and have that numbered.

    Args:
        cause: `ACCOUNT_CHANGED` or `ACCOUNT_GONE`.
        actor: Who changed it, where that is known.
    One query, and the numbering after the commit.
    """
    why = _why(cause, "", actor)
    _write(EventKind.REVOKED, why, user_key=user_key)
    orders.number_after_commit()
    _announce_account(user_key, why)


def _announce_account(user_key: str, why: Why, *, kept: UUID | None = None) -> None:
    signals.after_commit(
        signals.account_revoked, user_key=user_key, cause=why.cause, actor=why.actor, kept=kept
    )


def _token(subject: OfToken, why: Why) -> Revoked:
    order = orders.record(OrderKind.JTI, key=subject.jti, at=why.at, cause=why.cause, actor=why.actor)
    _write(EventKind.REVOKED, why, extra={"jti": subject.jti})
    return Revoked(order.pk)


def _family(subject: OfFamily, why: Why) -> Revoked:
    alias = database()
    rows = TokenFamily.objects.using(alias).filter(pk=subject.family_id)
    ended = rows.end(at=why.at, cause=why.cause, actor=why.actor)
    order = orders.record(
        OrderKind.FAMILY, key=str(subject.family_id), at=why.at, cause=why.cause, actor=why.actor
    )
    if ended:
        facts = rows.values(
            "user_key", "device_id", "generation", "branches", public_id=F("client__client_id")
        ).get()
        _write(
            EventKind.ENDED,
            why,
            family=subject.family_id,
            user_key=facts["user_key"],
            client_id=facts["public_id"],
            device=facts["device_id"],
            generation=facts["generation"],
            branch=facts["branches"] - 1,
        )
        signals.after_commit(
            signals.session_ended,
            family_id=subject.family_id,
            user_key=facts["user_key"],
            cause=why.cause,
        )
    return Revoked(order.pk, families=ended)


def _device(subject: OfDevice, why: Why) -> Revoked:
    devices = Device.objects.using(database())
    device = devices.filter(pk=subject.device_id).first()
    if device is None:
        raise LookupError("no such device")
    epoch = devices.lose(device, at=why.at) if subject.lost else devices.advance(device)
    epoch = _beyond_known(epoch, Kind.DEVICE, str(device.pk), partial(devices.raise_to, device))
    order = orders.record(
        OrderKind.DEVICE, key=str(device.pk), floor=epoch, at=why.at, cause=why.cause, actor=why.actor
    )
    kind = EventKind.DEVICE_LOST if subject.lost else EventKind.REVOKED
    _write(kind, why, user_key=device.user_key, device=device.pk)
    return Revoked(order.pk, epoch)


def _user(subject: OfUser, why: Why) -> Revoked:
    epoch = _next_of_account(subject.user_key)
    order = orders.record(
        OrderKind.USER, key=subject.user_key, floor=epoch, at=why.at, cause=why.cause, actor=why.actor
    )
    _write(EventKind.REVOKED, why, user_key=subject.user_key)
    _announce_account(subject.user_key, why)
    return Revoked(order.pk, epoch)


def _client(subject: OfClient, why: Why) -> Revoked:
    alias = database()
    clients = Client.objects.using(alias)
    client = clients.filter(client_id=subject.client_id).first()
    if client is None:
        raise LookupError("no such client")
    epoch = clients.advance(client)
    epoch = _beyond_known(epoch, Kind.CLIENT, client.client_id, partial(clients.raise_to, client))
    if subject.disable:
        clients.filter(pk=client.pk).update(disabled_at=why.at)
    order = orders.record(
        OrderKind.CLIENT, key=subject.client_id, floor=epoch, at=why.at, cause=why.cause, actor=why.actor
    )
    _write(EventKind.REVOKED, why, client_id=subject.client_id, extra={"disabled": subject.disable})
    return Revoked(order.pk, epoch)


def _key(subject: OfKey, why: Why) -> Revoked:
    if keys.kill(subject.kid, at=why.at, actor=why.actor, reason=why.reason) is None:
        raise LookupError("no such key")
    order = orders.record(OrderKind.KID, key=subject.kid, at=why.at, cause=why.cause, actor=why.actor)
    return Revoked(order.pk)


def _everything(subject: Everything, why: Why) -> Revoked:
    site = Site.objects.using(database())
    epoch = _beyond_known(site.advance(), Kind.SITE, "", site.raise_to)
    order = orders.record(OrderKind.SITE, floor=epoch, at=why.at, cause=why.cause, actor=why.actor)
    _write(EventKind.REVOKED, why, extra={"everything": True})
    return Revoked(order.pk, epoch)


def _everything_before(subject: EverythingBefore, why: Why) -> Revoked:
    if subject.moment > why.at - timedelta(seconds=BEFORE_MARGIN):
        raise ValueError(f"the moment must lie at least {BEFORE_MARGIN} seconds in the past")
    second = Site.objects.using(database()).refuse_issued_before(math.ceil(subject.moment.timestamp()))
    order = orders.record(OrderKind.BEFORE, floor=second, at=why.at, cause=why.cause, actor=why.actor)
    _write(EventKind.REVOKED, why, extra={"before": second})
    return Revoked(order.pk, second)


def _next_of_account(user_key: str) -> int:
    return _account_beyond_known(user_key, AccountState.objects.using(database()).advance(user_key))


def _account_beyond_known(user_key: str, epoch: int) -> int:
    accounts = AccountState.objects.using(database())
    return _beyond_known(epoch, Kind.USER, user_key, partial(accounts.raise_to, user_key))


def _beyond_known(epoch: int, kind: Kind, key: str, raise_to: Callable[[int], int]) -> int:
    """Return the epoch, raised above the floor that this process knows.

    A database that went back would count the same epochs again, and what was issued in the lost seconds
    under the one that is counted next would live on.
    """
    floor = MIRROR.floors().floor(kind, key)
    return epoch if epoch > floor else raise_to(floor + 1)


_BY_SUBJECT: dict[type[Subject], Callable[[Any, Why], Revoked]] = {
    OfToken: _token,
    OfFamily: _family,
    OfDevice: _device,
    OfUser: _user,
    OfClient: _client,
    OfKey: _key,
    Everything: _everything,
    EverythingBefore: _everything_before,
}


def _write(
    kind: EventKind,
    why: Why,
    *,
    family: UUID | None = None,
    user_key: str = "",
    client_id: str = "",
    device: UUID | None = None,
    generation: int | None = None,
    branch: int | None = None,
    extra: dict[str, Any] | None = None,
) -> None:
    event = trail.entry(
        kind,
        at=why.at,
        family=family,
        user_key=user_key,
        client_id=client_id,
        device=device,
        generation=generation,
        branch=branch,
        cause=why.cause,
        actor=why.actor,
        data={**(extra or {}), **(why.data or {})} or None,
    )
    trail.save(event, using=database())
