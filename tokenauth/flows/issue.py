"""Making a family for a user who was just authenticated (PROTOCOL 2 and 5)."""

import logging
import os
import random
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, OperationalError, models
from django.db.models import Subquery

from tokenauth import conf, signals
from tokenauth.audit import trail
from tokenauth.errors import Cause, Refused
from tokenauth.flows import account_changes, pair, standing
from tokenauth.flows.account_changes import Looks
from tokenauth.flows.asked import LoginAsked
from tokenauth.flows.moment import Moment
from tokenauth.flows.outcomes import Issued
from tokenauth.flows.pair import Answer, Granted
from tokenauth.flows.seen import Seen, before_authentication
from tokenauth.models import isolation, users
from tokenauth.models.account import AccountState, Site
from tokenauth.models.client import Client
from tokenauth.models.device import Device
from tokenauth.models.event import EventKind
from tokenauth.models.family import TokenFamily
from tokenauth.models.key import KeyPurpose
from tokenauth.models.order import OrderKind
from tokenauth.observability import log
from tokenauth.policy import grant
from tokenauth.policy.builtin import Policy
from tokenauth.revocation import orders
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.keyring import KEYRING, database

#: Times that a login is done over because another of the same device was first.
ATTEMPTS = 5
#: Families that one login ends at most because there were too many.
_MOST_CAPPED = 100


def issue(
    user: AbstractBaseUser, *, asked: LoginAsked, backend: str, seen: Seen | None = None
) -> Issued | Refused:
    """Make a family for an authenticated user and return its first pair.

    A login that began before a revocation never outlives it: what was read before authentication is
    compared with one later statement, and the family is stamped with that.

    Args:
        user: As `authenticate()` returned him.
        asked: Client, device, scope and audience of the login.
        backend: Dotted path of the backend that authenticated him; asked again at each refresh.
        seen: What `before_authentication` read; without it a revocation between authentication and
            this call that touches no column of the user's is not noticed.
    Returns:
        The pair, or the cause: `CREDENTIALS` where user or epochs changed meanwhile, `INACTIVE` where
        the backend lets nobody in who looks like him, or is none of the site's.

    Side effects: ends the device's former family (policy), the user's oldest ones beyond
    FAMILIES_PER_USER; events `issued` and `ended`. Whoever acts in the user's name (`asked.impersonator`)
    ends none of the user's own, and his family lives no longer than IMPERSONATION_LIFETIME.
    """
    policy = asked.client.policy
    if policy.proof == "required":
        return Refused(Cause.PROOF)
    if policy.device == "required" and asked.device.id is None:
        return Refused(Cause.MALFORMED)
    granted = _granted(asked)
    if isinstance(granted, Refused):
        return granted
    if (stale := MIRROR.stale()) is not None:
        return stale
    if seen is None:
        seen = before_authentication(client_pk=asked.client.pk)

    moment = Moment()
    stamps = _stamps(user, asked, backend, seen)
    if isinstance(stamps, Refused):
        return stamps
    for _ in range(ATTEMPTS):
        try:
            with isolation.read_committed(using=database()):
                outcome = _made(user, asked, backend, seen, stamps, granted, moment)
            break
        except IntegrityError:  # another login of this device was first: end that one instead
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - jitter
        except OperationalError as failure:
            if not isolation.is_transient(failure):
                raise
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - jitter
    else:
        return Refused(Cause.BUSY, retry_after=1)
    return Refused(Cause.LATE, retry_after=1) if moment.is_too_long_ago() else outcome


def _granted(asked: LoginAsked) -> Granted | Refused:
    account = conf.current().ACCOUNT_AUDIENCE
    scope = grant.scope_within(asked.scope, asked.client.scopes)
    audience = grant.audience_within(asked.audience or (account,), {account, *asked.client.audiences})
    if isinstance(scope, Refused):
        return scope
    if isinstance(audience, Refused):
        return audience
    return Granted(scope, audience)


@dataclass(frozen=True, slots=True)
class Stamps:
    """The epochs above a new family; the device's is read with the device."""

    site: int
    client: int
    user: int
    impersonator: int = 0


def _stamps(user: AbstractBaseUser, asked: LoginAsked, backend: str, seen: Seen) -> Stamps | Refused:
    """Compare what was seen with how it stands now; on a difference the login has been overtaken."""
    impersonator = _epoch_of_impersonator(asked, backend)
    if isinstance(impersonator, Refused):
        return impersonator
    now = _standing_now(user, asked)
    overtaken = (
        now.disabled
        or now.epochs.site != seen.site
        or now.epochs.client != seen.client
        or (seen.user_key == users.key_of(user) and now.epochs.user != seen.account)
        or _changed(user, now)
    )
    if overtaken:
        return Refused(Cause.CREDENTIALS)
    if standing.refuses_by_row(backend, user):  # what he says of himself is now what his row says
        return Refused(Cause.INACTIVE)
    stamps = _raised_to_known_floors(now.epochs, asked, users.key_of(user))
    return replace(stamps, impersonator=impersonator)


def _epoch_of_impersonator(asked: LoginAsked, backend: str) -> int | Refused:
    if not asked.impersonator:
        return 0
    # the epoch first: an account that is disabled after the question dies with what is stamped here
    epoch = AccountState.objects.using(database()).epoch_of(asked.impersonator)
    floor = MIRROR.floors().floor(Kind.USER, asked.impersonator)
    if epoch < floor or not standing.may_act(asked.impersonator, backend):
        return Refused(Cause.CREDENTIALS)
    return epoch


@dataclass(frozen=True, slots=True)
class StandingNow:
    """Epochs and user as one later statement read them."""

    epochs: Stamps
    disabled: bool
    password: str | None
    is_active: bool | None


def _standing_now(user: AbstractBaseUser, asked: LoginAsked) -> StandingNow:
    """One statement, one snapshot, where users and tokens share a database; epochs first elsewhere."""
    alias = database()
    shared = users.database() == alias
    row = (
        Client.objects.using(alias)
        .filter(pk=asked.client.pk)
        .annotate(
            ep_user=Subquery(AccountState.objects.filter(user_key=users.key_of(user)).values("epoch")[:1]),
            ep_site=Subquery(Site.objects.values("epoch")[:1]),
            **({name: Subquery(_user_row(user, name)[:1]) for name in _user_columns()} if shared else {}),
        )
        .values("epoch", "disabled_at", "ep_user", "ep_site", *(_user_columns() if shared else {}))
        .first()
    ) or {"epoch": -1, "disabled_at": True, "ep_user": 0, "ep_site": 0}
    if not shared:
        for name, column in _user_columns().items():
            row[name] = _user_row(user, name).values_list(column, flat=True).first()
    return StandingNow(
        epochs=Stamps(row["ep_site"] or 0, row["epoch"], row["ep_user"] or 0),
        disabled=row["disabled_at"] is not None,
        password=row.get("user_password"),
        is_active=row.get("user_active"),
    )


def _user_columns() -> dict[str, str]:
    columns = {"user_password": "password"}
    return columns | {"user_active": "is_active"} if users.is_active_column() else columns


def _user_row(user: AbstractBaseUser, name: str) -> models.QuerySet[Any, Any]:
    rows = get_user_model()._base_manager.using(users.database()).filter(pk=user.pk)
    column: models.QuerySet[Any, Any] = rows.values(_user_columns()[name])
    return column


def _changed(user: AbstractBaseUser, now: StandingNow) -> bool:
    if now.password is None:
        return True
    both_unusable = not is_password_usable(now.password) and not is_password_usable(user.password)
    if now.password != user.password and not both_unusable:
        return True
    return now.is_active is not None and now.is_active != user.is_active


def _raised_to_known_floors(stamps: Stamps, asked: LoginAsked, user_key: str) -> Stamps:
    """An epoch below a floor that this process knows: the database went back. The floor counts."""
    floors, alias = MIRROR.floors(), database()
    site, client = floors.floor(Kind.SITE), floors.floor(Kind.CLIENT, asked.client.client_id)
    account = floors.floor(Kind.USER, user_key)
    if site <= stamps.site and client <= stamps.client and account <= stamps.user:
        return stamps
    log.note("database_behind", level=logging.ERROR, client=asked.client.client_id)
    return Stamps(
        Site.objects.using(alias).raise_to(site),
        Client.objects.using(alias).raise_to(Client(pk=asked.client.pk), client),
        AccountState.objects.using(alias).raise_to(user_key, account),
    )


def _made(
    user: AbstractBaseUser,
    asked: LoginAsked,
    backend: str,
    seen: Seen,
    stamps: Stamps,
    granted: Granted,
    moment: Moment,
) -> Issued | Refused:
    """Everything that one login writes; the caller's transaction makes it one commit."""
    alias, user_key, policy = database(), users.key_of(user), asked.client.policy
    # one login of an account at a time: else several pass the cap together
    account = AccountState.objects.using(alias).locked(user_key).get()
    looks = account_changes.compared(user, fingerprint=account.fingerprint, epoch=account.epoch)
    if looks is not Looks.SAME:
        if account.epoch != stamps.user:
            return Refused(Cause.CREDENTIALS)
        stamps = replace(stamps, user=account_changes.settled(account))
    device = _device(asked, user_key, seen, moment)
    if isinstance(device, Refused):
        return device
    replaces = policy.same_device == "replace" and not asked.impersonator
    if replaces:
        _end(TokenFamily.objects.using(alias).filter(live_device=device.pk), Cause.REPLACED, moment)
    if not asked.impersonator:
        _end_oldest_beyond_cap(user_key, moment)

    refresh_key = KEYRING.active(KeyPurpose.REFRESH)
    absolute = moment.at + timedelta(seconds=_longest(policy, asked))
    family = TokenFamily(
        user_key=user_key,
        client_id=asked.client.pk,
        device=device,
        audience=granted.audience,
        scope=granted.scope,
        transport=asked.transport,
        auth_time=moment.at,
        acr=asked.acr,
        amr=" ".join(asked.amr),
        backend=backend,
        impersonator=asked.impersonator,
        policy=policy.name,
        created_at=moment.at,
        absolute_expires_at=absolute,
        live_device=device.pk if replaces else None,
        secret=os.urandom(32),
        rotated_at=moment.at,
        exact=policy.makes_exact(key_was_sent=asked.key_was_sent),
        refresh_kid=refresh_key.kid,
        refresh_expires_at=moment.after(policy.idle, at_most=absolute),
        access_expires_at=moment.after(policy.access, at_most=absolute),
        ep_site=stamps.site,
        ep_client=stamps.client,
        ep_device=device.epoch,
        ep_user=stamps.user,
        ep_impersonator=stamps.impersonator,
    )
    family.save(using=alias, force_insert=True)
    _write_issued(family, asked, user.get_username(), moment)
    answer = Answer(
        generation=0,
        branch=0,
        issued_at=moment.at,
        access_issued_at=moment.at,
        refresh_expires_at=family.refresh_expires_at,
        access_expires_at=family.access_expires_at,
        refresh_key=refresh_key,
        granted=granted,
    )
    return Issued(pair.of(family, asked.client.client_id, answer))


def _longest(policy: Policy, asked: LoginAsked) -> int:
    return (
        min(policy.absolute, conf.current().IMPERSONATION_LIFETIME) if asked.impersonator else policy.absolute
    )


def _device(asked: LoginAsked, user_key: str, seen: Seen, moment: Moment) -> Device | Refused:
    """The device of a login: the known one unless it was revoked meanwhile, else a new one."""
    alias = database()
    devices = Device.objects.using(alias)
    if asked.device.id is not None:
        client = Client(pk=asked.client.pk)
        # one statement: what is compared is what the family is stamped with
        known = list(devices.known_as(asked.device.id, user_key=user_key, client=client))
        if not seen.devices_of(user_key).items() <= {device.pk: device.epoch for device in known}.items():
            return Refused(Cause.CREDENTIALS)
        if known:
            return _device_at_known_floor(known[0])
    new = Device(
        user_key=user_key,
        client_id=asked.client.pk,
        installation=asked.device.id,
        name=asked.device.name,
        platform=asked.device.platform,
        created_at=moment.at,
    )
    new.save(using=alias, force_insert=True)
    return new


def _device_at_known_floor(device: Device) -> Device:
    """As for the epochs above it: below a floor that this process knows, the floor counts."""
    floor = MIRROR.floors().floor(Kind.DEVICE, str(device.pk))
    if floor > device.epoch:
        device.epoch = Device.objects.using(database()).raise_to(device, floor)
    return device


def _end_oldest_beyond_cap(user_key: str, moment: Moment) -> None:
    others = conf.current().FAMILIES_PER_USER - 1
    live = TokenFamily.objects.using(database()).of_user(user_key).own().live(at=moment.at)
    beyond = list(live.values_list("pk", flat=True)[others : others + _MOST_CAPPED])
    if beyond:
        _end(TokenFamily.objects.using(database()).filter(pk__in=beyond), Cause.CAPPED, moment)


def _end(families: models.QuerySet[TokenFamily], cause: Cause, moment: Moment) -> None:
    """End the families of this selection that are still alive: row, order and event of each."""
    # no join: it would lock the client's row, and with it every other login of that client
    for family in families.filter(revoked_at=None).select_for_update():
        TokenFamily.objects.using(database()).filter(pk=family.pk).end(at=moment.at, cause=cause, actor="")
        orders.record(OrderKind.FAMILY, key=str(family.pk), at=moment.at, cause=cause)
        ended = trail.entry(
            EventKind.ENDED,
            at=moment.at,
            family=family.pk,
            user_key=family.user_key,
            client_id=family.client.client_id,
            device=family.device_id,
            generation=family.generation,
            branch=family.branches - 1,
            cause=cause,
        )
        trail.save(ended, using=database())
        signals.after_commit(
            signals.session_ended, family_id=family.pk, user_key=family.user_key, cause=cause
        )


def _write_issued(family: TokenFamily, asked: LoginAsked, username: str, moment: Moment) -> None:
    personal = trail.detail(address=asked.origin.address, agent=asked.origin.agent, name=username)
    issued = trail.entry(
        EventKind.ISSUED,
        at=moment.at,
        family=family.pk,
        user_key=family.user_key,
        client_id=asked.client.client_id,
        device=family.device_id,
        generation=0,
        branch=0,
        actor=family.impersonator,
        detail=personal,
    )
    trail.save(issued, using=database(), detail=personal)
    signals.after_commit(
        signals.session_started,
        family_id=family.pk,
        user_key=family.user_key,
        client_id=asked.client.client_id,
        device_id=family.device_id,
        impersonator=family.impersonator,
    )
