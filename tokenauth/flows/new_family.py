"""What a login writes, in one commit: the row of its family, and the end of those that it replaces."""

import os
from dataclasses import dataclass, replace
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import models

from tokenauth import conf, signals
from tokenauth.audit import trail
from tokenauth.errors import Cause, Refused
from tokenauth.flows import account_changes, pair
from tokenauth.flows.account_changes import Looks
from tokenauth.flows.asked import LoginAsked
from tokenauth.flows.moment import Moment
from tokenauth.flows.outcomes import Issued
from tokenauth.flows.pair import Answer, Granted
from tokenauth.flows.seen import Seen
from tokenauth.models import users
from tokenauth.models.account import AccountState
from tokenauth.models.client import Client
from tokenauth.models.device import Device
from tokenauth.models.event import EventKind
from tokenauth.models.family import TokenFamily
from tokenauth.models.key import KeyPurpose
from tokenauth.models.order import OrderKind
from tokenauth.policy.builtin import Policy
from tokenauth.revocation import orders
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.keyring import KEYRING, database
from tokenauth.tokens.keys import SymmetricKey

#: Families that one login ends at most because there were too many.
_MOST_CAPPED = 100


@dataclass(frozen=True, slots=True)
class Stamps:
    """The epochs above a new family; the device's is read with the device."""

    site: int
    client: int
    user: int
    impersonator: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login that nothing has overtaken so far."""

    user: AbstractBaseUser
    asked: LoginAsked
    backend: str
    seen: Seen
    stamps: Stamps
    granted: Granted
    moment: Moment

    @property
    def user_key(self) -> str:
        return users.key_of(self.user)

    @property
    def policy(self) -> Policy:
        return self.asked.client.policy

    @property
    def replaces(self) -> bool:
        """Whether it ends what its device had before; whoever acts in the user's name ends nothing of his."""
        return self.policy.same_device == "replace" and not self.asked.impersonator


def made(login: Login) -> Issued | Refused:
    """Make the family of a login and its first pair.

    Joins the caller's transaction, which makes it one commit.
    """
    stamps = _settled(login)
    if isinstance(stamps, Refused):
        return stamps
    device = _device(login)
    if isinstance(device, Refused):
        return device
    _make_room(login, device)
    key = KEYRING.active(KeyPurpose.REFRESH)
    family = _row(login, stamps, device, key)
    family.save(using=database(), force_insert=True)
    _write_issued(family, login)
    return Issued(pair.of(family, login.asked.client.client_id, _first_answer(family, login.granted, key)))


def _settled(login: Login) -> Stamps | Refused:
    """Lock the account and look once more at its user, where no trigger sees his changes."""
    # one login of an account at a time: else several pass the cap together
    account = AccountState.objects.using(database()).locked(login.user_key).get()
    looks = account_changes.compared(login.user, fingerprint=account.fingerprint, epoch=account.epoch)
    if looks is Looks.SAME:
        return login.stamps
    if account.epoch != login.stamps.user:
        return Refused(Cause.CREDENTIALS)
    return replace(login.stamps, user=account_changes.settled(account))


def _make_room(login: Login, device: Device) -> None:
    """End what this login replaces, and the user's oldest ones beyond the cap."""
    if login.replaces:
        of_device = TokenFamily.objects.using(database()).filter(live_device=device.pk)
        _end(of_device, Cause.REPLACED, login.moment)
    if not login.asked.impersonator:
        _end_oldest_beyond_cap(login.user_key, login.moment)


def _row(login: Login, stamps: Stamps, device: Device, key: SymmetricKey) -> TokenFamily:
    asked, policy, moment = login.asked, login.policy, login.moment
    absolute = moment.at + timedelta(seconds=_longest(policy, asked))
    return TokenFamily(
        user_key=login.user_key,
        client_id=asked.client.pk,
        device=device,
        audience=login.granted.audience,
        scope=login.granted.scope,
        transport=asked.transport,
        auth_time=moment.at,
        acr=asked.acr,
        amr=" ".join(asked.amr),
        backend=login.backend,
        impersonator=asked.impersonator,
        policy=policy.name,
        created_at=moment.at,
        absolute_expires_at=absolute,
        live_device=device.pk if login.replaces else None,
        secret=os.urandom(32),
        rotated_at=moment.at,
        exact=policy.makes_exact(key_was_sent=asked.key_was_sent),
        refresh_kid=key.kid,
        refresh_expires_at=moment.after(policy.idle, at_most=absolute),
        access_expires_at=moment.after(policy.access, at_most=absolute),
        ep_site=stamps.site,
        ep_client=stamps.client,
        ep_device=device.epoch,
        ep_user=stamps.user,
        ep_impersonator=stamps.impersonator,
    )


def _longest(policy: Policy, asked: LoginAsked) -> int:
    if not asked.impersonator:
        return policy.absolute
    return min(policy.absolute, conf.current().IMPERSONATION_LIFETIME)


def _first_answer(family: TokenFamily, granted: Granted, key: SymmetricKey) -> Answer:
    return Answer(
        generation=0,
        branch=0,
        issued_at=family.created_at,
        access_issued_at=family.created_at,
        refresh_expires_at=family.refresh_expires_at,
        access_expires_at=family.access_expires_at,
        refresh_key=key,
        granted=granted,
    )


def _device(login: Login) -> Device | Refused:
    """The device of a login: the known one unless it was revoked meanwhile, else a new one."""
    alias, asked, user_key = database(), login.asked, login.user_key
    devices = Device.objects.using(alias)
    if asked.device.id is not None:
        client = Client(pk=asked.client.pk)
        # one statement: what is compared is what the family is stamped with
        known = list(devices.known_as(asked.device.id, user_key=user_key, client=client))
        now = {device.pk: device.epoch for device in known}
        if not login.seen.devices_of(user_key).items() <= now.items():
            return Refused(Cause.CREDENTIALS)
        if known:
            return _device_at_known_floor(known[0])
    new = Device(
        user_key=user_key,
        client_id=asked.client.pk,
        installation=asked.device.id,
        name=asked.device.name,
        platform=asked.device.platform,
        created_at=login.moment.at,
    )
    new.save(using=alias, force_insert=True)
    return new


def _device_at_known_floor(device: Device) -> Device | Refused:
    """As for the epochs above it: below a floor that this process knows, the floor counts, unless the
    device was revoked since it was read."""
    devices, floor = Device.objects.using(database()), MIRROR.floors().floor(Kind.DEVICE, str(device.pk))
    if floor > device.epoch:
        if devices.filter(pk=device.pk, epoch__gte=floor).exists():
            return Refused(Cause.CREDENTIALS)
        device.epoch = devices.raise_to(device, floor)
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


def _write_issued(family: TokenFamily, login: Login) -> None:
    origin, client_id = login.asked.origin, login.asked.client.client_id
    personal = trail.detail(address=origin.address, agent=origin.agent, name=login.user.get_username())
    issued = trail.entry(
        EventKind.ISSUED,
        at=login.moment.at,
        family=family.pk,
        user_key=family.user_key,
        client_id=client_id,
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
        client_id=client_id,
        device_id=family.device_id,
        impersonator=family.impersonator,
    )
