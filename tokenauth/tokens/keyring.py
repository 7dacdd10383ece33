"""The keys of this process: opened once, replaced as a whole, made at first need (PROTOCOL 4)."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, connections, router, transaction
from django.utils import timezone

from tokenauth import conf
from tokenauth.errors import NoUsableKey
from tokenauth.models.key import SLOT, KeyPurpose, KeyRecord, KeyState
from tokenauth.models.order import Plane
from tokenauth.observability import log
from tokenauth.tokens import envelope
from tokenauth.tokens.encoding import to_json
from tokenauth.tokens.keys import (
    AccessKey,
    SymmetricKey,
    access_key,
    header_segment,
    new_access_secret,
    new_symmetric_kid,
    new_symmetric_secret,
)

REFRESH_TYP = "rt+jwt"
_WITH_NEXT = frozenset({KeyPurpose.ACCESS, KeyPurpose.REFRESH})


@dataclass(frozen=True, slots=True)
class Keys:
    """What one load of the table opened. Never changed: a reload makes another."""

    access: Mapping[bytes, AccessKey] = field(default_factory=dict)
    refresh: Mapping[bytes, SymmetricKey] = field(default_factory=dict)
    symmetric: Mapping[str, tuple[SymmetricKey, ...]] = field(default_factory=dict)
    signing: AccessKey | None = None
    version: int = -1

    def refresh_key(self, kid: str) -> SymmetricKey | None:
        """The refresh key of that id, while it is in force."""
        return next((key for key in self.refresh.values() if key.kid == kid), None)


class Keyring:
    """Loads at first need and whenever the plane says that a key changed."""

    def __init__(self) -> None:
        self._keys: Keys | None = None
        self._lock = threading.Lock()
        self._undecided: Callable[[], None] | None = None

    def current(self) -> Keys:
        """Return the keys in force; up to two queries at first need, none after."""
        keys = self._keys
        if keys is None or (self._undecided is not None and self._was_rolled_back()):
            with self._lock:
                keys = self._keys = self._load()
        return keys

    def forget(self) -> None:
        """Load again at the next need."""
        self._keys = None

    def follow(self, version: int) -> None:
        """Load again if the plane's `keys_version` is another than the one loaded at."""
        if self._keys is not None and self._keys.version != version:
            self.forget()

    def signing(self) -> AccessKey:
        """Return the key that signs access tokens, made at first need."""
        keys = self.current()
        if keys.signing is None:
            keys = self._with_made(KeyPurpose.ACCESS)
        if keys.signing is None:
            raise NoUsableKey("no access key")
        return keys.signing

    def active(self, purpose: KeyPurpose) -> SymmetricKey:
        """Return the symmetric key of a purpose that is in use, made at first need."""
        return self.all(purpose)[0]

    def all(self, purpose: KeyPurpose) -> tuple[SymmetricKey, ...]:
        """Return the keys of a purpose that still verify, the one in use first."""
        found = self.current().symmetric.get(purpose)
        if not found:
            found = self._with_made(purpose).symmetric.get(purpose)
        if not found:
            raise NoUsableKey(f"no {purpose} key")
        return found

    def _with_made(self, purpose: KeyPurpose) -> Keys:
        alias = database()
        connection = connections[alias]
        try:
            with transaction.atomic(using=alias):
                make_missing(purpose, at=timezone.now())
        except IntegrityError:
            pass  # another process was first: its keys are loaded below
        with self._lock:
            self._keys = self._load()
        if connection.in_atomic_block:
            self._watch_for_rollback(alias)
        return self._keys

    def _watch_for_rollback(self, alias: str) -> None:
        def decided() -> None:
            self._undecided = None

        self._undecided = decided
        transaction.on_commit(decided, using=alias)

    def _was_rolled_back(self) -> bool:
        pending = connections[database()].run_on_commit
        if any(entry[1] is self._undecided for entry in pending):
            return False
        rolled_back = self._undecided is not None
        self._undecided = None
        return rolled_back

    def _load(self) -> Keys:
        alias = database()
        version = Plane.objects.using(alias).values_list("keys_version", flat=True).first() or 0
        records = KeyRecord.objects.using(alias).usable().order_by("active_slot", "-created_at")
        opened = [(record, secret) for record in records if (secret := _secret_or_none(record)) is not None]
        access = [
            (record, access_key(secret)) for record, secret in opened if record.purpose == KeyPurpose.ACCESS
        ]
        symmetric: dict[str, list[SymmetricKey]] = {}
        for record, secret in opened:
            if record.purpose != KeyPurpose.ACCESS:
                symmetric.setdefault(record.purpose, []).append(_symmetric(record, secret))
        _put_active_first(symmetric, opened)
        return Keys(
            access={key.header: key for _, key in access},
            refresh={key.header: key for key in symmetric.get(KeyPurpose.REFRESH, [])},
            symmetric={purpose: tuple(keys) for purpose, keys in symmetric.items()},
            signing=next((key for record, key in access if record.state == KeyState.ACTIVE), None),
            version=version,
        )


def _put_active_first(
    symmetric: dict[str, list[SymmetricKey]], opened: list[tuple[KeyRecord, bytes]]
) -> None:
    active = {record.kid for record, _ in opened if record.state == KeyState.ACTIVE}
    for purpose in list(symmetric):
        symmetric[purpose].sort(key=lambda key: key.kid not in active)
        if symmetric[purpose][0].kid not in active:
            del symmetric[purpose]  # none may sign: make one


def _symmetric(record: KeyRecord, secret: bytes) -> SymmetricKey:
    header = b""
    if record.purpose == KeyPurpose.REFRESH:
        header = header_segment(alg="HS256", kid=record.kid, typ=REFRESH_TYP)
    return SymmetricKey(secret, record.kid, header)


def _secret_or_none(record: KeyRecord) -> bytes | None:
    try:
        return opened_secret(record)
    except NoUsableKey:
        # a row that an attacker wrote must not stop the site, and signs nothing
        log.note("key_does_not_open", level=40, kid=record.kid, purpose=record.purpose, state=record.state)
        return None


def database() -> str:
    """Return the alias that holds tokenauth's tables; always the primary."""
    return conf.current().DATABASE or router.db_for_write(KeyRecord)


def make_missing(purpose: KeyPurpose, *, at: datetime) -> list[KeyRecord]:
    """Make the keys that a purpose lacks: the active one, and for token keys the next.

    Returns:
        The records made. Run it in a transaction: IntegrityError says that another was first.
    """
    alias = database()
    held = set(KeyRecord.objects.using(alias).filter(purpose=purpose).values_list("state", flat=True))
    wanted = [KeyState.ACTIVE, KeyState.NEXT] if purpose in _WITH_NEXT else [KeyState.ACTIVE]
    return [make(purpose, state, at=at) for state in wanted if state not in held]


def make(purpose: KeyPurpose, state: KeyState, *, at: datetime) -> KeyRecord:
    """Make and store one key. Side effect: every process loads its keyring again."""
    alias = database()
    if purpose == KeyPurpose.ACCESS:
        secret = new_access_secret(conf.current().ALG)
        key = access_key(secret)
        kid, alg = key.kid, str(key.alg)
    else:
        secret, kid, alg = new_symmetric_secret(), new_symmetric_kid(), "HS256"
    record = KeyRecord(kid=kid, purpose=purpose, alg=alg, created_at=at)
    put_in_state(record, secret, state, at=at)
    record.save(using=alias, force_insert=True)
    Plane.objects.using(alias).keys_changed()
    log.note("key_made", kid=kid, purpose=purpose, state=state)
    return record


def put_in_state(record: KeyRecord, secret: bytes, state: KeyState, *, at: datetime) -> None:
    """Set a record's state, its times and the envelope that is bound to them; the caller saves."""
    record.state = state
    record.active_slot = SLOT.get(state)
    match state:
        case KeyState.ACTIVE:
            record.activated_at = at
        case KeyState.RETIRING:
            record.retiring_at = at
        case KeyState.RETIRED | KeyState.KILLED:
            record.ended_at = at
    record.envelope = envelope.seal(secret, bound_to=_bound_to(record))


def reseal(record: KeyRecord) -> None:
    """Put a record's key under the first wrapping key; the caller saves."""
    record.envelope = envelope.seal(opened_secret(record), bound_to=_bound_to(record))


def opened_secret(record: KeyRecord) -> bytes:
    """Return the key of a record.

    Raises:
        NoUsableKey: No wrapping key opens it, or a column that it is bound to was changed.
    """
    return envelope.unseal(bytes(record.envelope), bound_to=_bound_to(record))


def _bound_to(record: KeyRecord) -> bytes:
    times = (record.created_at, record.activated_at, record.retiring_at, record.ended_at)
    return to_json(
        {
            "kid": record.kid,
            "purpose": str(record.purpose),
            "alg": record.alg,
            "state": str(record.state),
            "times": [time and int(time.timestamp() * 1_000_000) for time in times],
        }
    )


KEYRING = Keyring()
