"""Ending the tokens of accounts that changed where neither trigger nor signal saw it (PROTOCOL 2)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Exists, OuterRef

from tokenauth.errors import Cause
from tokenauth.flows import account_changes, standing
from tokenauth.flows.account_changes import Looks
from tokenauth.flows.housekeeping.batches import Allowance
from tokenauth.flows.revoke import revoke
from tokenauth.models import AccountState, TaskRun, TokenFamily, users
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import Mode
from tokenauth.revocation.subjects import OfUser
from tokenauth.tokens.keyring import database

ACTOR = "tokenauth.sweep"
NAME = "sweep"
#: Accounts that are looked at together.
SIZE = 500


def sweep(at: datetime, allowance: Allowance | None = None) -> int:
    """Look at every account with sessions: is its user there, does he look as he did, may he log in?

    It goes on where the last run stopped. Where a trigger sees every change there is nothing to do.

    Args:
        at: The job's one clock.
    Returns:
        How many accounts lost their tokens. Three queries for 500 accounts, and a revocation's for each
        that changed.
    """
    if account_triggers.mode() is Mode.TRIGGERS and users.is_active_column() is not None:
        return 0
    allowance = allowance or Allowance()
    tasks = TaskRun.objects.using(database())
    position, ended = tasks.position_of(NAME), 0
    while allowance.has_more():
        states = _following(position, at)
        ended += _swept(states, at)
        position = states[-1].user_key if len(states) == SIZE else ""
        tasks.came_to(NAME, position)
        if not position:
            break
        allowance.spend()
    return ended


def _following(position: str, at: datetime) -> list[AccountState]:
    """The next accounts with a family that neither its own row nor the account's epoch has ended."""
    alive = TokenFamily.objects.live(at=at).filter(
        user_key=OuterRef("user_key"), ep_user__gte=OuterRef("epoch")
    )
    accounts = AccountState.objects.using(database()).filter(Exists(alive), user_key__gt=position)
    return list(accounts.order_by("user_key")[:SIZE])


def _swept(states: Sequence[AccountState], at: datetime) -> int:
    found, backends = _users(states), _backends(states, at)
    return sum(_ended(state, found.get(state.user_key), backends[state.user_key]) for state in states)


def _ended(state: AccountState, user: AbstractBaseUser | None, backends: Sequence[str]) -> bool:
    if user is None:
        revoke(OfUser(state.user_key), cause=Cause.ACCOUNT_GONE, actor=ACTOR)
        return True
    if backends and all(standing.refuses_by_row(backend, user) for backend in backends):
        revoke(OfUser(state.user_key), cause=Cause.ACCOUNT_CHANGED, actor=ACTOR)
        return True
    looks = account_changes.compared(user, fingerprint=state.fingerprint, epoch=state.epoch)
    return looks is not Looks.SAME and account_changes.settle(state.user_key, actor=ACTOR)


def _users(states: Sequence[AccountState]) -> Mapping[str, AbstractBaseUser]:
    keys = {users.pk_of(state.user_key) for state in states} - {None}
    rows = get_user_model()._base_manager.using(users.database()).filter(pk__in=keys)
    return {users.key_of(user): user for user in rows if isinstance(user, AbstractBaseUser)}


def _backends(states: Sequence[AccountState], at: datetime) -> Mapping[str, list[str]]:
    families = TokenFamily.objects.using(database()).live(at=at)
    pairs = families.filter(user_key__in=[state.user_key for state in states]).order_by()
    found: defaultdict[str, list[str]] = defaultdict(list)
    for user_key, backend in pairs.values_list("user_key", "backend").distinct():
        found[user_key].append(backend)
    return found
