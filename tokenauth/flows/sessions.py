"""What a user does with his own sessions and devices (PROTOCOL 5)."""

import logging
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tokenauth.errors import Cause, Refused
from tokenauth.flows import passwords
from tokenauth.flows.revoke import revoke, revoke_others
from tokenauth.models import users
from tokenauth.models.account import AccountState, Site
from tokenauth.models.device import Device
from tokenauth.models.family import TokenFamily
from tokenauth.observability import log
from tokenauth.policy.builtin import Policy
from tokenauth.revocation.subjects import OfDevice, OfFamily, OfUser
from tokenauth.risk import limits
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import database


@dataclass(frozen=True, slots=True)
class Ended:
    """So many of the user's sessions were standing and ended."""

    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who acts on his own sessions: the token he came with, and the password where he sent one."""

    user: AbstractBaseUser
    claims: AccessClaims
    #: Of the policy of the client he uses.
    policy: Policy
    #: Parsed network address, for the limit on passwords.
    address: str | None = None
    password: str | None = field(default=None, repr=False)
    #: What the backends that check the password are given.
    request: HttpRequest | None = field(default=None, repr=False)

    @property
    def user_key(self) -> str:
        return self.claims.sub

    @property
    def actor(self) -> str:
        """Whom the trail names: who acts in the user's name, else the user."""
        return self.claims.act or self.claims.sub


def rounded(second: float) -> int:
    """Return a moment of last use as people are shown it: rounded down to 15 minutes."""
    return int(second) // 900 * 900


def standing(user_key: str) -> QuerySet[TokenFamily]:
    """Return the account's sessions that are alive, newest first. Two queries before the list's own."""
    alias = database()
    return (
        TokenFamily.objects.using(alias)
        .of_user(user_key)
        .standing(
            account_epoch=AccountState.objects.using(alias).epoch_of(user_key),
            site=Site.objects.using(alias).now(),
            at=timezone.now(),
        )
        .select_related("client", "device")
    )


def end_one(family_id: UUID, *, owner: Owner) -> Ended | Refused:
    """End one of the user's own sessions; another than the one he uses needs a recent login.

    Returns:
        `Refused(NOT_OWN)` for another's and for none alike.
    """
    families = TokenFamily.objects.using(database())
    own = families.filter(pk=family_id, user_key=owner.user_key).only("revoked_at").first()
    if own is None:
        return Refused(Cause.NOT_OWN)
    if family_id != owner.claims.sid and (refused := _not_recent(owner)) is not None:
        return refused
    if own.revoked_at is not None:
        return Ended(0)
    ended = revoke(OfFamily(family_id), cause=Cause.LOGGED_OUT, actor=owner.actor)
    return Ended(ended.families)


def end_others(*, owner: Owner) -> Ended | Refused:
    """End all of the user's sessions but the one he uses."""
    if (refused := _not_recent(owner)) is not None:
        return refused
    others = standing(owner.user_key).exclude(pk=owner.claims.sid).count()
    revoke_others(user_key=owner.user_key, but_family=owner.claims.sid, actor=owner.actor)
    return Ended(others)


def end_all(*, owner: Owner) -> Ended | Refused:
    """End all of the user's sessions, the one he uses too."""
    if (refused := _not_recent(owner)) is not None:
        return refused
    sessions = standing(owner.user_key).count()
    revoke(OfUser(owner.user_key), cause=Cause.LOGGED_OUT, actor=owner.actor)
    return Ended(sessions)


def lose_device(device_id: UUID, *, owner: Owner) -> Ended | Refused:
    """Write one of the user's own devices off for good and end its sessions."""
    own = Device.objects.using(database()).of_user(owner.user_key).filter(pk=device_id).first()
    if own is None:
        return Refused(Cause.NOT_OWN)
    if (refused := _not_recent(owner)) is not None:
        return refused
    if own.lost_at is not None:
        return Ended(0)
    sessions = standing(owner.user_key).filter(device_id=device_id).count()
    revoke(OfDevice(device_id, lost=True), actor=owner.actor)
    return Ended(sessions)


def _not_recent(owner: Owner) -> Refused | None:
    """Refuse unless the login is recent or the password came with the call (RFC 9470, ASVS 7.5.2)."""
    recent = timezone.now().timestamp() - owner.claims.auth_time <= owner.policy.sensitive_max_age
    # who acts in the user's name has not logged in as him
    if recent and not owner.claims.act:
        return None
    if owner.password is None:
        return Refused(Cause.OLD_LOGIN)
    if (throttled := _throttled(owner)) is not None:
        return throttled
    refused = _password_refused(owner, owner.password)
    if refused is not None:
        log.note(
            "password_refused",
            level=logging.WARNING if refused.cause is Cause.LOCKED else logging.INFO,
            cause=refused.cause,
            family=owner.claims.sid,
            client=owner.claims.client_id,
            address=owner.address,
        )
    return refused if refused is None or refused.retry_after is not None else Refused(Cause.OLD_LOGIN)


def _throttled(owner: Owner) -> Refused | None:
    return limits.login_from(owner.address) or limits.login_of(
        owner.user.get_username(), known_device=_device(owner)
    )


def _password_refused(owner: Owner, password: str) -> Refused | None:
    """Ask for the password as a login does, with the counters of the session's device."""
    account, device = owner.user.get_username(), _device(owner)
    user = passwords.checked(account, password, known_device=device, request=owner.request)
    if isinstance(user, Refused):
        return user
    if users.key_of(user) != owner.user_key:  # a backend that knows another by that name
        limits.note_failure(account, known_device=device)
        return Refused(Cause.CREDENTIALS)
    limits.note_success(account, known_device=device)
    return None


def _device(owner: Owner) -> str:
    return owner.claims.device
