"""The clients and their secrets as this process knows them: no SQL before a signature (PROTOCOL 1)."""

import hmac
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from django.db import connections, transaction
from django.utils import timezone

from tokenauth.errors import Cause, Refused
from tokenauth.models.catalogue import Catalogue, Held
from tokenauth.models.client import Client, ClientSecret
from tokenauth.models.key import KeyPurpose
from tokenauth.namespaces import PerNamespace
from tokenauth.observability import log
from tokenauth.policy import builtin
from tokenauth.policy.builtin import Policy
from tokenauth.tokens.keyring import KEYRING, database

PREFIX = "tks_"
#: Compared with where a client is unknown: the same work, never equal.
_NOBODYS = b"\x00" * 32


@dataclass(frozen=True, slots=True)
class SecretDigest:
    """One live secret of a client."""

    pk: int
    digest: bytes = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client as the directory holds it."""

    pk: int
    client_id: str
    name: str
    kind: str
    first_party: bool
    policy_name: str
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    acr: tuple[str, ...]
    disabled: bool
    #: Whether it has to authenticate: it once had a secret, or its kind demands one.
    is_confidential: bool
    secrets: tuple[SecretDigest, ...] = field(repr=False)

    @property
    def policy(self) -> Policy:
        return builtin.named_or_default(self.policy_name)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load of the tables found. Never changed: a reload makes another."""

    clients: Mapping[str, KnownClient]
    #: The catalogue's version that it was loaded at.
    version: int


class Directory:
    """All clients, loaded as a whole; loaded again when the catalogue's version moves.

    What is loaded inside a transaction serves that transaction alone: it may hold rows that are rolled
    back.
    """

    def __init__(self) -> None:
        self._held: Loaded | None = None
        self._loading = threading.Lock()
        self._own = _OwnTransaction()

    def find(self, client_id: str) -> KnownClient | None:
        """Return the client of that id. No query once the directory is loaded."""
        return self._current().clients.get(client_id)

    def follow(self, version: int) -> None:
        """Load again at the next need if the catalogue's version is another than the one loaded at."""
        loaded = self._own.loaded() or self._held
        if loaded is not None and loaded.version != version:
            self.forget()

    def forget(self) -> None:
        """Load again at the next need."""
        self._held = None
        self._own.forget()

    def after_fork(self) -> None:
        """Leave a lock that another thread of the parent may have held, and its transaction, alone."""
        self._loading = threading.Lock()
        self._own = _OwnTransaction()

    def _current(self) -> Loaded:
        if (own := self._own.loaded()) is not None:
            return own
        if (held := self._held) is not None:
            return held
        alias = database()
        if connections[alias].in_atomic_block:
            return self._own.keep(_load(alias), alias)
        with self._loading:
            held = self._held = self._held or _load(alias)
            return held


class _LoadedInTransaction:
    """Stands in a transaction's commit hooks for as long as what was loaded in it may be served."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded

    def __call__(self) -> None:
        """Nothing: the catalogue's version makes every process load again."""


class _OwnTransaction(threading.local):
    """The clients as this thread's open transaction sees them, if it had to load them."""

    kept: tuple[str, _LoadedInTransaction] | None = None

    def keep(self, loaded: Loaded, alias: str) -> Loaded:
        hook = _LoadedInTransaction(loaded)
        transaction.on_commit(hook, using=alias, robust=True)
        self.kept = (alias, hook)
        return loaded

    def loaded(self) -> Loaded | None:
        if self.kept is None:
            return None
        alias, hook = self.kept
        # gone with the transaction, and with a savepoint that was rolled back
        if not any(pending is hook for _, pending, *_ in connections[alias].run_on_commit):
            self.kept = None
            return None
        return hook.loaded

    def forget(self) -> None:
        self.kept = None


def _load(alias: str) -> Loaded:
    # the version first: what changes while we load is loaded again
    version = Catalogue.objects.using(alias).version_of(Held.CLIENTS)
    secrets: dict[int, list[ClientSecret]] = {}
    for secret in ClientSecret.objects.using(alias).order_by("-created_at"):
        secrets.setdefault(secret.client_id, []).append(secret)
    clients = {}
    for client in Client.objects.using(alias):
        try:
            clients[client.client_id] = _known(client, secrets.get(client.pk, []))
        except ValueError as garbage:  # one row must not stop all clients
            log.note("client_is_unreadable", level=logging.ERROR, client=client.client_id, error=str(garbage))
    return Loaded(clients, version)


def _known(client: Client, secrets: list[ClientSecret]) -> KnownClient:
    now = timezone.now()
    live = tuple(
        SecretDigest(secret.pk, bytes(secret.digest), secret.expires_at)
        for secret in secrets
        if secret.is_live(now)
    )
    return KnownClient(
        pk=client.pk,
        client_id=client.client_id,
        name=client.name,
        kind=client.kind,
        first_party=client.first_party,
        policy_name=client.policy,
        audiences=_texts(client.audiences, "audiences"),
        scopes=_texts(client.scopes, "scopes"),
        acr=_texts(client.acr, "acr"),
        disabled=client.disabled_at is not None,
        # one whose last secret was retired must not become a public client
        is_confidential=bool(secrets) or client.kind in Client.CONFIDENTIAL,
        secrets=live,
    )


def _texts(values: object, name: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name} is no list of texts")
    return tuple(values)


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A client that is who it says; `secret` is the one it showed, None for a public client."""

    client: KnownClient
    secret: SecretDigest | None = None


def authenticated(client_id: str, secret: str | None, *, at: datetime) -> Authenticated | Refused:
    """Authenticate a client (RFC 6749 2.3); no query once the directory is loaded.

    An unknown client and a wrong secret get the same answer after the same work.

    Args:
        client_id: As it was sent.
        secret: As it was sent; None where none was.
        at: The flow's one clock.
    """
    client = DIRECTORY.find(client_id)
    shown = _matching(client, secret, at=at) if secret is not None else None
    if client is None:
        return Refused(Cause.CLIENT_UNKNOWN)
    if (secret is not None or client.is_confidential) and shown is None:
        return Refused(Cause.CLIENT_SECRET)
    if client.disabled:
        return Refused(Cause.CLIENT_DISABLED)
    return Authenticated(client, shown)


def _matching(client: KnownClient | None, secret: str, *, at: datetime) -> SecretDigest | None:
    shown = [digest_of(secret, key.mac) for key in KEYRING.all(KeyPurpose.PEPPER)]
    if client is None or not client.secrets:
        for digest in shown:
            hmac.compare_digest(digest, _NOBODYS)
        return None
    found = None
    for stored in client.secrets:
        for digest in shown:
            in_time = stored.expires_at is None or at < stored.expires_at
            if hmac.compare_digest(digest, stored.digest) and in_time:
                found = stored
    return found


def digest_of(secret: str, mac: Callable[[bytes], bytes]) -> bytes:
    """Return what is stored of a client secret: one keyed SHA-256, enough for 256 random bits."""
    return mac(b"client secret 1|" + secret.encode("utf-8", "surrogatepass"))


_DIRECTORIES = PerNamespace(Directory)
#: The current namespace's.
DIRECTORY = cast("Directory", _DIRECTORIES)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_DIRECTORIES.after_fork)
