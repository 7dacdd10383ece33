"""Changes of an account that neither trigger nor signal saw: found by how it looked before (PROTOCOL 2)."""

from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from tokenauth.errors import Cause
from tokenauth.flows.revoke import revoke
from tokenauth.models import AccountState, isolation, users
from tokenauth.revocation import account_triggers, fingerprints
from tokenauth.revocation.account_triggers import Mode
from tokenauth.revocation.subjects import OfUser
from tokenauth.risk import upgrades
from tokenauth.tokens.keyring import database


class Looks(StrEnum):
    """How an account looks beside how it was last stamped."""

    #: The same, or a trigger has seen all there was to see.
    SAME = "same"
    NEVER_STAMPED = "never stamped"
    BETTER_HASH = "a better hash of the same password"
    CHANGED = "changed"


def compared(user: AbstractBaseUser, *, fingerprint: bytes | memoryview | None, epoch: int) -> Looks:
    """Judge how a user looks now.

    Args:
        fingerprint: How he was stamped.
        epoch: His account's, read with it.
    No query; one look into the cache where he looks another.
    """
    if account_triggers.mode() is Mode.TRIGGERS:
        return Looks.SAME
    if fingerprint is None:
        return Looks.NEVER_STAMPED
    if fingerprints.is_of(bytes(fingerprint), user):
        return Looks.SAME
    upgraded = upgrades.are_noted_looks(users.key_of(user), epoch=epoch, looks=fingerprints.of(user))
    return Looks.BETTER_HASH if upgraded else Looks.CHANGED


def wanted_fields() -> tuple[str, ...]:
    """Return what has to be read of a user to compare him: nothing where the trigger sees each change."""
    return () if account_triggers.mode() is Mode.TRIGGERS else users.credential_fields()


def settled(state: AccountState, *, actor: str = "") -> int:
    """Look at the user's row again; end the account's tokens if it was changed, keep how it looks.

    Args:
        state: The account's row, locked by the caller's transaction.
    Returns:
        The account's epoch: a higher one where its tokens have ended.
    """
    user = users.stored(state.user_key)
    if user is None:
        return state.epoch
    epoch = state.epoch
    looks = compared(user, fingerprint=state.fingerprint, epoch=epoch)
    if looks is Looks.SAME:
        return epoch
    if looks is Looks.CHANGED:
        epoch = revoke(OfUser(state.user_key), cause=Cause.ACCOUNT_CHANGED, actor=actor).floor
    AccountState.objects.using(database()).stamp(state.user_key, fingerprints.of(user))
    return epoch


def settle(user_key: str, *, actor: str = "") -> bool:
    """Lock the account and do the same; return whether its tokens have ended.

    Joins the caller's transaction. Four queries, those of a revocation apart.
    """
    if account_triggers.mode() is Mode.TRIGGERS:
        return False
    with isolation.read_committed(using=database()):
        state = AccountState.objects.using(database()).locked(user_key).get()
        return settled(state, actor=actor) > state.epoch


def stamp_saved(user_key: str, looks: bytes, *, before: bytes | None, using: str) -> None:
    """Keep how a user looks after a save: with its commit, or right after it in another database.

    Args:
        before: The looks that these may replace: an unseen change must not hide under a better hash.
            None: any, all tokens have ended.
    """

    def keep() -> None:
        states = AccountState.objects.using(database())
        (states if before is None else states.filter(fingerprint=before)).stamp(user_key, looks)

    if using == database():
        keep()
    else:
        transaction.on_commit(keep, using=using, robust=True)


def note_better_hash(user_key: str, *, before: bytes, looks: bytes) -> None:
    """Let looks that a save is about to make pass for a better hash, for an hour or until the epoch moves.

    Only if those before are known: under a hash that nobody has seen a change hides. One query.
    """
    state = AccountState.objects.using(database()).filter(user_key=user_key).first()
    if state is None or state.fingerprint is None:
        return
    if bytes(state.fingerprint) == before:
        upgrades.note_known(user_key, epoch=state.epoch, looks=before)
    elif not upgrades.are_noted_looks(user_key, epoch=state.epoch, looks=before) and not upgrades.were_known(
        user_key, epoch=state.epoch, looks=before
    ):
        return
    upgrades.note_looks(user_key, epoch=state.epoch, looks=looks)
