"""Django's signals, translated into flows: an account that changes ends its tokens (PROTOCOL 2)."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import get_hasher, identify_hasher, is_password_usable
from django.contrib.auth.models import AbstractBaseUser, Group
from django.contrib.auth.signals import user_logged_out
from django.db import connections, models, transaction
from django.db.models.signals import m2m_changed, post_delete, post_init, post_save, pre_delete, pre_save
from django.dispatch import receiver
from django.utils import timezone

from tokenauth import conf
from tokenauth.audit import append_only
from tokenauth.errors import Cause
from tokenauth.flows import permission_changes
from tokenauth.flows.account_changes import note_better_hash, stamp_saved
from tokenauth.flows.revoke import record_account_change, revoke
from tokenauth.models import Catalogue, Client, ClientSecret, Device, PasswordUpgrade, users
from tokenauth.models.catalogue import Held
from tokenauth.revocation import account_triggers, fingerprints
from tokenauth.revocation.account_triggers import Mode, WhyNot
from tokenauth.revocation.subjects import OfUser
from tokenauth.risk import limits, upgrades
from tokenauth.tokens.keyring import database

_CHANGED = "_tokenauth_account_changes"
#: The password hash that an instance was loaded with, or saved since.
_LOADED = "_tokenauth_loaded_password"


@receiver(post_init, sender=settings.AUTH_USER_MODEL, dispatch_uid="tokenauth.account_loaded")
def account_loaded(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    """Remember which hash a later save replaces: a stale one must not pass for an upgrade."""
    if (password := instance.__dict__.get("password")) is not None:  # not where it is deferred
        instance.__dict__[_LOADED] = password


@receiver(pre_save, dispatch_uid="tokenauth.account_changes")
def account_changes(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    """See whether the save is a change that ends tokens. In autocommit the epoch moves first: whoever
    dies between the two statements has revoked too much, never too little."""
    # one that was never loaded may still replace a row: `User(pk=1, ...).save()`
    if not isinstance(instance, get_user_model()) or kwargs.get("raw") or instance.pk is None:
        return
    assert isinstance(instance, AbstractBaseUser)  # noqa: S101 - for the type checker
    change = _change(instance, kwargs.get("update_fields"), using=kwargs["using"])
    setattr(instance, _CHANGED, change)
    if not connections[kwargs["using"]].in_atomic_block and _unseen(change.fields):
        _end_tokens_of(instance)


@receiver(post_save, dispatch_uid="tokenauth.account_changed")
def account_changed(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    """Move the epoch in the transaction of the change; a new password also forgets failed logins."""
    if not isinstance(instance, get_user_model()):
        return
    change = instance.__dict__.pop(_CHANGED, NO_CHANGE)
    if _unseen(change.fields):
        _end_tokens_of(instance)
    elif change.fields:
        record_account_change(users.key_of(instance), cause=Cause.ACCOUNT_CHANGED)
    if change.looks is not None:
        stamp_saved(users.key_of(instance), change.looks, before=change.before, using=kwargs["using"])
    if "password" in change.fields:
        # no `partial`: what fails in a robust hook is logged by its name, and a partial has none
        transaction.on_commit(lambda: _unlock(instance), using=kwargs["using"], robust=True)
    if _saves_password(kwargs.get("update_fields")):
        account_loaded(sender, instance)


@receiver(post_delete, dispatch_uid="tokenauth.account_deleted")
def account_deleted(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    """A user who is gone has no tokens; the order outlives his row."""
    if not isinstance(instance, get_user_model()):
        return
    if account_triggers.mode() is Mode.TRIGGERS:
        record_account_change(users.key_of(instance), cause=Cause.ACCOUNT_GONE)
    else:
        _end_tokens_of(instance, cause=Cause.ACCOUNT_GONE)


@receiver([post_save, post_delete], sender=Client, dispatch_uid="tokenauth.client_changed")
@receiver([post_save, post_delete], sender=ClientSecret, dispatch_uid="tokenauth.secret_changed")
def clients_changed(sender: type[models.Model], using: str, **kwargs: Any) -> None:
    """Make every process load clients and secrets again."""
    Catalogue.objects.using(using).changed(Held.CLIENTS)


@receiver(user_logged_out, dispatch_uid="tokenauth.logged_out")
def logged_out(sender: Any, user: Any, **kwargs: Any) -> None:
    """End the user's tokens with his Django session, where the site asks for it; not with the session of
    somebody who acts in his name (django-hijack)."""
    if getattr(kwargs.get("request"), "session", {}).get("hijack_history"):
        return
    if conf.current().END_ON_LOGOUT and isinstance(user, get_user_model()):
        _end_tokens_of(user, cause=Cause.LOGGED_OUT)


@receiver(m2m_changed, dispatch_uid="tokenauth.permissions_changed")
def permissions_changed(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    reverse: bool,
    pk_set: set[Any] | None,
    **kwargs: Any,
) -> None:
    """End the tokens of whoever gains or loses a group or a permission, where the site asks for it."""
    if conf.current().END_ON_PERMISSION_CHANGE:
        permission_changes.end_tokens_of(
            permission_changes.Change(sender, instance, action, reverse=reverse, pks=pk_set)
        )


@receiver(pre_delete, sender=Group, dispatch_uid="tokenauth.group_deleted")
def group_deleted(sender: type[models.Model], instance: Group, **kwargs: Any) -> None:
    """Its members lose what it gave them, and no relation tells of it."""
    if conf.current().END_ON_PERMISSION_CHANGE:
        permission_changes.end_tokens_of_members(instance)


def migration_begins(using: str, **kwargs: Any) -> None:
    """Take SQLite's triggers away: it renames no table of ours while one of them names it."""
    if using == database() and connections[using].vendor == "sqlite":
        account_triggers.remove()
        append_only.remove()


def migrated(using: str, **kwargs: Any) -> None:
    """Install the triggers where they may be used, take refused ones away."""
    if using != database() or not account_triggers.has_tables():
        return
    if append_only.is_wanted():
        append_only.install()
    elif append_only.is_known_here():
        append_only.remove()
    reason = account_triggers.why_not()
    if reason is None:
        account_triggers.install()
    elif reason is WhyNot.SETTING and account_triggers.is_known_here():
        account_triggers.remove()


def _unseen(changed: frozenset[str]) -> frozenset[str]:
    """Return the changes that no trigger turns into an order: all of them where there is none."""
    if not changed or account_triggers.mode() is Mode.SIGNALS:
        return changed
    return changed - account_triggers.seen_fields()


def _end_tokens_of(user: models.Model, *, cause: Cause = Cause.ACCOUNT_CHANGED) -> None:
    revoke(OfUser(users.key_of(user)), cause=cause)


def _unlock(user: models.Model) -> None:
    """Whoever could set a new password need not wait until strangers' guesses at the old are forgotten."""
    assert isinstance(user, AbstractBaseUser)  # noqa: S101 - for the type checker
    names = {user.get_username(), getattr(user, user.get_email_field_name(), "") or user.get_username()}
    devices = Device.objects.using(database()).of_user(users.key_of(user)).filter(lost_at=None)
    limits.unlock(*names, known_devices=devices.values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class Change:
    """What a save does to an account."""

    #: Those whose change ends tokens.
    fields: frozenset[str] = frozenset()
    #: How it looks afterwards, where that is another and somebody compares.
    looks: bytes | None = None
    #: The looks that those may replace; None: any.
    before: bytes | None = None


NO_CHANGE = Change()


def _change(user: AbstractBaseUser, update_fields: frozenset[str] | None, *, using: str) -> Change:
    deciding = users.credential_fields()
    saved = [name for name in deciding if update_fields is None or name in update_fields]
    if not saved:
        return NO_CHANGE
    stored = get_user_model()._base_manager.using(using).filter(pk=user.pk).values(*deciding).first()
    if stored is None:
        return NO_CHANGE
    now = {name: getattr(user, name) if name in saved else stored[name] for name in deciding}
    changed = frozenset(name for name in saved if stored[name] != now[name])
    if changed == {"password"} and _is_no_new_password(user, stored["password"], update_fields):
        return _better_hash(users.key_of(user), stored, now)
    return Change(changed, _looks(users.key_of(user), now) if changed else None)


def _better_hash(user_key: str, stored: dict[str, Any], now: dict[str, Any]) -> Change:
    before, after = _looks(user_key, stored), _looks(user_key, now)
    if before is not None and after is not None:
        note_better_hash(user_key, before=before, looks=after)
    return Change(looks=after, before=before)


def _looks(user_key: str, values: dict[str, Any]) -> bytes | None:
    return None if account_triggers.mode() is Mode.TRIGGERS else fingerprints.of_values(user_key, values)


def _saves_password(update_fields: frozenset[str] | None) -> bool:
    return update_fields is None or "password" in update_fields


def _is_no_new_password(user: AbstractBaseUser, stored: str, update_fields: frozenset[str] | None) -> bool:
    if not is_password_usable(stored) and not is_password_usable(user.password):
        return True
    if upgrades.are_allowed():
        return True
    return _looks_like_upgrade(user, update_fields) and _is_hasher_upgrade(user, stored)


def _looks_like_upgrade(user: AbstractBaseUser, update_fields: frozenset[str] | None) -> bool:
    """A better hash of the same password at login: Django saves just that field, with `_password` None
    (after `set_password` it is the new password until the save)."""
    return update_fields == frozenset({"password"}) and user.__dict__.get("_password", "") is None


def _is_hasher_upgrade(user: AbstractBaseUser, stored: str) -> bool:
    """Whether the hash that is replaced was in need of it: the stored one, or one that another login
    upgraded to the stored one meanwhile."""
    loaded = user.__dict__.get(_LOADED, stored)
    if not _needs_upgrade(loaded):
        return False
    user_key = users.key_of(user)
    if account_triggers.mode() is Mode.TRIGGERS:
        # the trigger has the last word: it knows which hash the row holds as it takes the new one
        upgrades_of = PasswordUpgrade.objects.using(database())
        upgrades_of.mark(user_key, old=loaded, new=user.password, at=timezone.now())
        return True
    if loaded != stored and not upgrades.is_noted(user_key, old=loaded, new=stored):
        return False  # a stale upgrade, over a new password
    upgrades.note(user_key, old=loaded, new=user.password)
    return True


def _needs_upgrade(stored: str) -> bool:
    try:
        hasher = identify_hasher(stored)
    except ValueError:
        return False
    preferred = get_hasher()
    return hasher.algorithm != preferred.algorithm or preferred.must_update(stored)
