"""The keys of this process: opened once, replaced as a whole, made at first need (PROTOCOL 4)."""

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from tokenauth.errors import NoUsableKey
from tokenauth.models.catalogue import Catalogue, Held
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.namespaces import PerNamespace
from tokenauth.observability import log
from tokenauth.tokens import records
from tokenauth.tokens.keys import AccessKey, Secret, SymmetricKey, access_key, header_segment
from tokenauth.tokens.records import database

__all__ = ["KEYRING", "Keyring", "Keys", "database"]

REFRESH_TYP = "rt+jwt"
# the order in which keys of a purpose are served and tried
_ORDER = {KeyState.ACTIVE: 0, KeyState.NEXT: 1, KeyState.RETIRING: 2}


@dataclass(frozen=True, slots=True)
class Keys:
    """What one load of the table opened. Never changed: a reload makes another."""

    #: Verifying keys by the first segment of the tokens they sign: active, next, retiring.
    access: Mapping[bytes, AccessKey] = field(default_factory=dict)
    refresh: Mapping[bytes, SymmetricKey] = field(default_factory=dict)
    #: By purpose, the one in use first; a purpose without one is absent.
    symmetric: Mapping[str, tuple[SymmetricKey, ...]] = field(default_factory=dict)
    signing: AccessKey | None = None
    #: The catalogue's version that it was loaded at.
    version: int = -1

    def refresh_key(self, kid: str) -> SymmetricKey | None:
        """The refresh key of that id, while it is in force."""
        return next((key for key in self.refresh.values() if key.kid == kid), None)


class Keyring:
    """Loads at first need and whenever the plane says that a key changed.

    What a transaction has written and not yet committed is seen by its own thread alone: a key that is
    rolled back has signed nothing that anybody else holds.
    """

    def __init__(self) -> None:
        # what was loaded, and the epoch it was loaded in: another epoch makes it worthless
        self._epoch = object()
        self._held: tuple[object, Keys] | None = None
        self._loading = threading.Lock()
        self._own = _OwnTransaction()

    def current(self) -> Keys:
        """Return the keys in force; two queries at first need, none after."""
        if self._own.alias is not None and (hooks := self._own.hooks()):
            return self._own.keys(hooks)
        held = self._held
        if held is not None and held[0] is self._epoch:
            return held[1]
        return self._loaded()

    def forget(self) -> None:
        """Load again at the next need."""
        self._epoch = object()
        self._own.loaded = None

    def follow(self, version: int) -> None:
        """Load again if the catalogue's version is another than the one loaded at."""
        loaded = self._own.loaded or self._held
        if loaded is not None and loaded[1].version != version:
            self.forget()

    def changed(self) -> None:
        """Say that the current transaction writes keys: all load again once it commits. Three queries."""
        alias = database()
        with transaction.atomic(using=alias):
            Catalogue.objects.using(alias).changed(Held.KEYS)
            self._own.alias = alias
            transaction.on_commit(_KeysCommitted(self), using=alias, robust=True)

    def signing(self) -> AccessKey:
        """Return the key that signs access tokens, made at first need."""
        key = self.current().signing or self._with_made().signing
        if key is None:
            raise NoUsableKey("no access key")
        return key

    def active(self, purpose: KeyPurpose) -> SymmetricKey:
        """Return the symmetric key of a purpose that is in use, made at first need."""
        return self.all(purpose)[0]

    def all(self, purpose: KeyPurpose) -> tuple[SymmetricKey, ...]:
        """Return the keys of a purpose that still verify, the one in use first."""
        found = self.current().symmetric.get(purpose) or self._with_made().symmetric.get(purpose)
        if not found:
            raise NoUsableKey(f"no {purpose} key")
        return found

    def after_fork(self) -> None:
        """Leave a lock that another thread of the parent may have held, and its transaction, alone."""
        self._loading = threading.Lock()
        self._own = _OwnTransaction()

    def _loaded(self) -> Keys:
        with self._loading:
            epoch, held = self._epoch, self._held
            if held is not None and held[0] is epoch:
                return held[1]
            keys = _load()
            # of an epoch that ended meanwhile it is served to this caller only
            self._held = (epoch, keys)
            return keys

    def _with_made(self) -> Keys:
        """Make what is missing, of every purpose: later needs then come without a write."""
        try:
            with transaction.atomic(using=database()):
                if records.make_missing(*KeyPurpose, at=timezone.now()):
                    self.changed()
        except IntegrityError:
            pass  # another process was first: its keys are loaded below
        self.forget()
        return self.current()


class _KeysCommitted:
    """Stands in a transaction's commit hooks for as long as nobody knows whether its keys will be."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def __call__(self) -> None:
        self._keyring.forget()


class _OwnTransaction(threading.local):
    """The keys as this thread's open transaction sees them, if it has written any."""

    alias: str | None = None
    loaded: tuple[list[object], Keys] | None = None

    def hooks(self) -> list[object]:
        """Return what stands for the writes that are neither committed nor rolled back."""
        pending = connections[self.alias or database()].run_on_commit
        found: list[object] = [hook for _, hook, *_ in pending if isinstance(hook, _KeysCommitted)]
        if not found:
            self.alias = self.loaded = None
        return found

    def keys(self, hooks: list[object]) -> Keys:
        """Return the transaction's keys, loaded again whenever it wrote or a savepoint was rolled back."""
        if self.loaded is None or self.loaded[0] != hooks:
            self.loaded = (hooks, _load())
        return self.loaded[1]


def _load() -> Keys:
    alias = database()
    # before the keys: what changes in between is seen as another version
    version = Catalogue.objects.using(alias).version_of(Held.KEYS)
    usable = sorted(
        KeyRecord.objects.using(alias).usable().order_by("-created_at", "kid"),
        key=lambda record: _ORDER[KeyState(record.state)],
    )
    access, symmetric, older = [], [], 0
    for record in usable:
        try:
            secret = records.opened_secret(record)
            older += not records.is_under_first_key(record)
            if record.purpose == KeyPurpose.ACCESS:
                access.append((record, access_key(secret)))
            else:
                symmetric.append((record, _symmetric(record, secret)))
        except (NoUsableKey, ValueError):
            # a row that an attacker wrote must not stop the site, and signs nothing
            log.note(
                "key_does_not_open", level=40, kid=record.kid, purpose=record.purpose, state=record.state
            )
    if older:
        # before that one leaves the settings: `manage.py tokenauth_keys rewrap`
        log.note("keys_under_an_older_wrapping_key", level=30, keys=older)
    return Keys(
        access={key.header: key for _, key in access},
        refresh={key.header: key for record, key in symmetric if record.purpose == KeyPurpose.REFRESH},
        symmetric={purpose: keys for purpose in KeyPurpose if (keys := _in_use_first(purpose, symmetric))},
        signing=access[0][1] if access and _may_sign(access[0][0]) else None,
        version=version,
    )


def _in_use_first(
    purpose: KeyPurpose, opened: Iterable[tuple[KeyRecord, SymmetricKey]]
) -> tuple[SymmetricKey, ...]:
    found = [(record, key) for record, key in opened if record.purpose == purpose]
    return tuple(key for _, key in found) if found and _may_sign(found[0][0]) else ()


def _may_sign(first: KeyRecord) -> bool:
    # where the active key is gone or does not open, the next one is known to everybody already
    return first.state != KeyState.RETIRING


def _symmetric(record: KeyRecord, secret: Secret) -> SymmetricKey:
    header = b""
    if record.purpose == KeyPurpose.REFRESH:
        header = header_segment(alg="HS256", kid=record.kid, typ=REFRESH_TYP)
    return SymmetricKey(secret.raw, record.kid, header)


_KEYRINGS = PerNamespace(Keyring)
#: The current namespace's.
KEYRING = cast("Keyring", _KEYRINGS)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_KEYRINGS.after_fork)
