"""Whose tokens end when groups or permissions change, where a site asks for it (PROTOCOL 2)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models

from tokenauth.errors import Cause
from tokenauth.flows.revoke import revoke_accounts
from tokenauth.models import users

#: What `m2m_changed` says once rows are added or removed.
_DONE = frozenset({"post_add", "post_remove"})


@dataclass(frozen=True, slots=True)
class Change:
    """A many-to-many relation that changes, as Django tells of it."""

    through: type[models.Model]
    instance: models.Model
    action: str
    reverse: bool
    pks: Collection[Any] | None


def end_tokens_of(change: Change) -> int:
    """End the tokens of everybody whose permissions a change of a relation touches.

    Returns:
        How many accounts. Joins the transaction of the change.
    """
    if change.through in _of_users():
        return _revoke(_touched(change, related="user_set"))
    if change.through is Group.permissions.through:
        return _revoke(_members(_touched(change, related="group_set")))
    return 0


def end_tokens_of_members(group: Group) -> int:
    """End the tokens of a group's members: it is about to be deleted, which no relation tells."""
    return _revoke(_members([group.pk]))


def _of_users() -> set[type[models.Model]]:
    names = ("groups", "user_permissions")
    return {getattr(get_user_model(), name).through for name in names if hasattr(get_user_model(), name)}


def _touched(change: Change, *, related: str) -> Collection[Any]:
    """The keys of one side of a relation.

    Args:
        related: That side's name on the other one.
    """
    if not change.reverse:
        return [change.instance.pk] if _is_complete(change) else []
    if change.action == "pre_clear":  # afterwards nobody knows who they were
        return list(getattr(change.instance, related).values_list("pk", flat=True))
    return change.pks or [] if change.action in _DONE else []


def _is_complete(change: Change) -> bool:
    return change.action == "post_clear" or (change.action in _DONE and bool(change.pks))


def _members(groups: Collection[Any]) -> Iterable[Any]:
    if not groups or not hasattr(get_user_model(), "groups"):
        return []
    members = get_user_model()._base_manager.using(users.database()).filter(groups__in=groups)
    return list(members.values_list("pk", flat=True).distinct())


def _revoke(pks: Iterable[Any]) -> int:
    return revoke_accounts((users.key_of_pk(pk) for pk in pks), cause=Cause.ACCOUNT_CHANGED)
