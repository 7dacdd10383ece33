"""The life of a key: next -> active -> retiring -> retired, or killed for ever (PROTOCOL 4)."""

from datetime import datetime

from django.db import transaction

from tokenauth.audit import trail
from tokenauth.models.event import EventKind
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.models.order import Plane
from tokenauth.tokens import keyring
from tokenauth.tokens.keyring import KEYRING, database


def kill(kid: str, *, at: datetime, actor: str = "") -> KeyRecord | None:
    """Kill a key for ever and put another in its place; the caller records the order.

    Returns:
        The record, None where there is no such key.

    Side effects: events `key_killed` and `key_promoted`; every process loads its keyring again.
    """
    alias = database()
    with transaction.atomic(using=alias):
        found = KeyRecord.objects.using(alias).filter(pk=kid).first()
        if found is None:
            return None
        records = list(KeyRecord.objects.using(alias).locked(found.purpose))
        record = next(each for each in records if each.kid == kid)
        if record.state != KeyState.KILLED:
            keyring.put_in_state(record, keyring.opened_secret(record), KeyState.KILLED, at=at)
            record.save(using=alias)
            _promote_next(records, at=at, actor=actor)
            keyring.make_missing(KeyPurpose(record.purpose), at=at)
            _event(EventKind.KEY_KILLED, record, at=at, actor=actor)
            Plane.objects.using(alias).keys_changed()
        transaction.on_commit(KEYRING.forget, using=alias)
    return record


def _promote_next(records: list[KeyRecord], *, at: datetime, actor: str) -> None:
    if any(record.state == KeyState.ACTIVE for record in records):
        return
    for record in records:
        if record.state == KeyState.NEXT:
            keyring.put_in_state(record, keyring.opened_secret(record), KeyState.ACTIVE, at=at)
            record.save(using=database())
            _event(EventKind.KEY_PROMOTED, record, at=at, actor=actor)


def _event(kind: EventKind, record: KeyRecord, *, at: datetime, actor: str) -> None:
    data = {"kid": record.kid, "purpose": str(record.purpose)}
    trail.save(trail.entry(kind, at=at, actor=actor, data=data), using=database())
