"""Keys at rest: made, sealed, and put from one state into the next (PROTOCOL 4).

Nothing here tells anybody that a key changed: `KEYRING.changed()` does, once in each transaction.
"""

from datetime import UTC, datetime, timedelta

from django.db import router

from tokenauth import conf
from tokenauth.errors import NoUsableKey
from tokenauth.models.key import SLOT, KeyPurpose, KeyRecord, KeyState
from tokenauth.observability import log
from tokenauth.tokens import envelope
from tokenauth.tokens.encoding import to_json
from tokenauth.tokens.keys import (
    Secret,
    access_key,
    new_access_secret,
    new_symmetric_kid,
    new_symmetric_secret,
)

#: Purposes whose tokens others verify: the key that comes next is announced before it signs.
WITH_NEXT = frozenset({KeyPurpose.ACCESS, KeyPurpose.REFRESH})
_ENDED = frozenset({KeyState.RETIRED, KeyState.KILLED})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def database() -> str:
    """Return the alias that holds tokenauth's tables; always the primary."""
    return conf.current().DATABASE or router.db_for_write(KeyRecord)


def make_missing(*purposes: KeyPurpose, at: datetime) -> list[KeyRecord]:
    """Make the keys that purposes lack: the active one, and for token keys the next.

    A key in the way that will never open again is put aside, and the next one takes its place.

    Returns:
        The records made. Run it in a transaction: IntegrityError says that another was first. One query,
        and one for each key made.
    Raises:
        NoUsableKey: A key in the way may open once the settings are right again.
    """
    made = []
    in_slot = list(
        KeyRecord.objects.using(database()).filter(purpose__in=purposes, active_slot__isnull=False)
    )
    for purpose in purposes:
        held = {
            KeyState(each.state): each for each in in_slot if each.purpose == purpose and _holds(each, at=at)
        }
        if KeyState.ACTIVE not in held and KeyState.NEXT in held:
            held[KeyState.ACTIVE] = held.pop(KeyState.NEXT)
            promote(held[KeyState.ACTIVE], at=at)
        made += [make(purpose, state, at=at) for state in states_of(purpose) if state not in held]
    return made


def promote(record: KeyRecord, *, at: datetime) -> None:
    """Let the next key take over; the active slot is free. One query."""
    put_in_state(record, opened_secret(record), KeyState.ACTIVE, at=at)
    record.save(using=database())
    log.note("key_promoted", kid=record.kid, purpose=record.purpose)


def make(purpose: KeyPurpose, state: KeyState, *, at: datetime) -> KeyRecord:
    """Make and store one key. One query."""
    secret, kid, alg = _fresh(purpose)
    while kid.startswith("-"):  # on a command line, killing it in a hurry, it would be taken for an option
        secret, kid, alg = _fresh(purpose)
    record = KeyRecord(kid=kid, purpose=purpose, alg=alg, created_at=at)
    put_in_state(record, secret, state, at=at)
    record.save(using=database(), force_insert=True)
    log.note("key_made", kid=kid, purpose=purpose, state=state)
    return record


def _fresh(purpose: KeyPurpose) -> tuple[Secret, str, str]:
    if purpose != KeyPurpose.ACCESS:
        return new_symmetric_secret(), new_symmetric_kid(), "HS256"
    secret = new_access_secret(conf.current().ALG)
    key = access_key(secret)
    return secret, key.kid, key.alg


def put_in_state(record: KeyRecord, secret: Secret, state: KeyState, *, at: datetime) -> None:
    """Set the state of a key that stays in force, with times and envelope; the caller saves."""
    record.state, record.active_slot = state, SLOT.get(state)
    match state:
        case KeyState.ACTIVE:
            record.activated_at = at
        case KeyState.RETIRING:
            record.retiring_at = at
    record.envelope = envelope.seal(secret, bound_to=_bound_to(record))


def end(record: KeyRecord, state: KeyState, *, at: datetime) -> None:
    """Retire or kill a key; the caller saves. What has ended leaves nothing behind that could leak."""
    assert state in _ENDED  # noqa: S101 - only a programmer can
    record.state, record.active_slot, record.ended_at, record.envelope = state, None, at, b""


def reseal(record: KeyRecord) -> None:
    """Put a record's key under the first wrapping key; the caller saves."""
    record.envelope = envelope.seal(opened_secret(record), bound_to=_bound_to(record))


def opened_secret(record: KeyRecord) -> Secret:
    """Return the key of a record.

    Raises:
        NoUsableKey: No wrapping key opens it, or a column that it is bound to was changed.
    """
    return envelope.unseal(bytes(record.envelope), bound_to=_bound_to(record))


def is_under_first_key(record: KeyRecord) -> bool:
    """Whether a record needs no other wrapping key than the first."""
    return envelope.is_under_first_key(bytes(record.envelope))


def opens(record: KeyRecord) -> bool:
    """Whether a record is one of ours and as it was sealed."""
    try:
        opened_secret(record)
    except NoUsableKey:
        return False
    return True


def put_aside(record: KeyRecord, *, at: datetime) -> None:
    """Take a key that does not open out of its slot. One query.

    Everything else stays as it was found, so that an operator can put it back.
    """
    log.note("key_put_aside", level=40, kid=record.kid, purpose=record.purpose, state=record.state)
    record.state, record.active_slot, record.ended_at = KeyState.RETIRED, None, at
    record.save(using=database(), update_fields=["state", "active_slot", "ended_at"])


def states_of(purpose: str) -> tuple[KeyState, ...]:
    """Return the states of which a purpose always has a key."""
    return (KeyState.ACTIVE, KeyState.NEXT) if purpose in WITH_NEXT else (KeyState.ACTIVE,)


def _holds(record: KeyRecord, *, at: datetime) -> bool:
    if record.state not in states_of(record.purpose):
        return False
    try:
        opened_secret(record)
    except envelope.Spoiled:
        put_aside(record, at=at)
        return False
    return True


def _bound_to(record: KeyRecord) -> bytes:
    times = (record.created_at, record.activated_at, record.retiring_at, record.ended_at)
    return to_json(
        {
            "kid": record.kid,
            "purpose": str(record.purpose),
            "alg": record.alg,
            "state": str(record.state),
            "times": [time and _microseconds(time) for time in times],
        }
    )


def _microseconds(time: datetime) -> int:
    # without USE_TZ the wall clock counts: what the process's time zone makes of it may change
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)
