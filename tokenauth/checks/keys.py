"""E006, E010, E011, W001: the keys, and the keys that seal them."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError

from tokenauth import conf
from tokenauth.checks.asked import of_our_tables, readable
from tokenauth.checks.findings import error, warning
from tokenauth.errors import NoUsableKey
from tokenauth.models.key import KeyRecord
from tokenauth.tokens import envelope, records
from tokenauth.tokens.keyring import database


@register(Tags.security, deploy=True)
def encryption_keys_are_own(**kwargs: object) -> list[CheckMessage]:
    """W001: the keys at rest hang on SECRET_KEY."""
    if not readable() or conf.current().ENCRYPTION_KEYS:
        return []
    text = "TOKENAUTH['ENCRYPTION_KEYS'] is empty: keys are sealed by one that is derived from SECRET_KEY."
    mend = "Put the output of 'manage.py tokenauth_keys new-encryption-key' first in it."
    return [warning("W001", text, mend=mend)]


@register(Tags.security)
def keys_are_announced_in_time(**kwargs: object) -> list[CheckMessage]:
    """E006: a key would sign before every client has it."""
    if not readable():
        return []
    ours = conf.current()
    if ours.KEY_LIFETIME > ours.JWKS_MAX_AGE + ours.LONGEST_CLIENT_CACHE:
        return []
    text = "TOKENAUTH['KEY_LIFETIME'] is shorter than clients cache the key set."
    mend = "It must exceed JWKS_MAX_AGE + LONGEST_CLIENT_CACHE: the next key is announced that long."
    return [error("E006", text, mend=mend)]


@register(Tags.security)
def encryption_keys_can_seal(**kwargs: object) -> list[CheckMessage]:
    """E011: an entry is no key, so that nothing can be opened and nobody logs in."""
    if not readable():
        return []
    try:
        envelope.wrapping_keys()
    except NoUsableKey as wrong:  # it names the place, never the entry
        mend = "Take the output of 'manage.py tokenauth_keys new-encryption-key' as it is."
        return [error("E011", f"{wrong}.", mend=mend)]
    return []


@register(Tags.database)
def stored_keys_open(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E010: a key that is in force cannot be used, and what it signed or sealed is refused."""
    if not of_our_tables(databases) or encryption_keys_can_seal():
        return []
    try:
        usable = list(KeyRecord.objects.using(database()).usable().order_by("purpose", "created_at", "kid"))
    except DatabaseError:  # not migrated yet
        return []
    without = [record for record in usable if not records.opens(record)]
    changed = [record for record in without if _was_changed(record)]
    lost = [record for record in without if record not in changed]
    return [
        *(_sealed_by_another(lost) if lost else []),
        *(_changed_in_the_table(changed) if changed else []),
    ]


def _was_changed(record: KeyRecord) -> bool:
    try:
        records.opened_secret(record)
    except envelope.Spoiled:
        return True
    except NoUsableKey:
        return False
    return False


def _sealed_by_another(lost: Sequence[KeyRecord]) -> list[CheckMessage]:
    text = f"Sealed by a key that the settings do not have: {_named(lost)}."
    mend = (
        "Put the key that sealed them back into TOKENAUTH['ENCRYPTION_KEYS'], or the former SECRET_KEY into "
        "SECRET_KEY_FALLBACKS, then run 'manage.py tokenauth_keys rewrap'. If it is lost for good, kill them "
        "('manage.py tokenauth_keys kill'), the audit key first."
    )
    return [error("E010", text, mend=mend)]


def _changed_in_the_table(changed: Sequence[KeyRecord]) -> list[CheckMessage]:
    text = f"Changed in the table since they were sealed: {_named(changed)}."
    mend = "Find out who writes to the table of keys, then kill them ('manage.py tokenauth_keys kill')."
    return [error("E010", text, mend=mend)]


def _named(found: Sequence[KeyRecord]) -> str:
    return ", ".join(f"{record.purpose} key {record.kid} ({record.state})" for record in found)
