"""Making a family for a user who was just authenticated (PROTOCOL 2 and 5)."""

import logging
import random
import time
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, OperationalError, models
from django.db.models import Subquery

from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.flows import standing
from tokenauth.flows.asked import LoginAsked
from tokenauth.flows.moment import Moment
from tokenauth.flows.new_family import Login, Stamps, made
from tokenauth.flows.outcomes import Issued
from tokenauth.flows.pair import Granted
from tokenauth.flows.seen import Seen, before_authentication
from tokenauth.models import isolation, users
from tokenauth.models.account import AccountState, Site
from tokenauth.models.client import Client
from tokenauth.observability import log
from tokenauth.policy import grant
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.keyring import database

#: Times that a login is done over because another of the same device was first.
ATTEMPTS = 5


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
    granted = granted_to(asked)
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
    outcome = _made(
        Login(
            user=user,
            asked=asked,
            backend=backend,
            seen=seen,
            stamps=stamps,
            granted=granted,
            moment=moment,
        )
    )
    return Refused(Cause.LATE, retry_after=1) if moment.is_too_long_ago() else outcome


def _made(login: Login) -> Issued | Refused:
    for _ in range(ATTEMPTS):
        try:
            with isolation.read_committed(using=database()):
                return made(login)
        except IntegrityError:  # another login of this device was first: end that one instead
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - jitter
        except OperationalError as failure:
            if not isolation.is_transient(failure):
                raise
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - jitter
    return Refused(Cause.BUSY, retry_after=1)


def granted_to(asked: LoginAsked) -> Granted | Refused:
    """Return what a login is granted, or that it asks for more than its client may have. No query."""
    account = conf.current().ACCOUNT_AUDIENCE
    scope = grant.scope_within(asked.scope, asked.client.scopes)
    audience = grant.audience_within(asked.audience or (account,), {account, *asked.client.audiences})
    if isinstance(scope, Refused):
        return scope
    if isinstance(audience, Refused):
        return audience
    return Granted(scope, audience)


def _stamps(user: AbstractBaseUser, asked: LoginAsked, backend: str, seen: Seen) -> Stamps | Refused:
    """Compare what was seen with how it stands now; on a difference the login has been overtaken."""
    impersonator = _epoch_of_impersonator(asked, backend)
    if isinstance(impersonator, Refused):
        return impersonator
    # before the statement: a floor that is learned after it may be of a revocation that came after it
    known = _known_floors(user, asked)
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
    stamps = _raised_to(known, now.epochs, asked, users.key_of(user))
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


def _known_floors(user: AbstractBaseUser, asked: LoginAsked) -> Stamps:
    """What this process's mirror knows of the three."""
    floors = MIRROR.floors()
    return Stamps(
        floors.floor(Kind.SITE),
        floors.floor(Kind.CLIENT, asked.client.client_id),
        floors.floor(Kind.USER, users.key_of(user)),
    )


def _raised_to(known: Stamps, stamps: Stamps, asked: LoginAsked, user_key: str) -> Stamps:
    """An epoch below a floor that was known before: the database went back. The floor counts."""
    alias = database()
    if known.site <= stamps.site and known.client <= stamps.client and known.user <= stamps.user:
        return stamps
    log.note("database_behind", level=logging.ERROR, client=asked.client.client_id)
    return Stamps(
        Site.objects.using(alias).raise_to(known.site),
        Client.objects.using(alias).raise_to(Client(pk=asked.client.pk), known.client),
        AccountState.objects.using(alias).raise_to(user_key, known.user),
    )
