"""Clients' secrets and their standing: two secrets may live at a time, each shown once (PROTOCOL 4)."""

import logging
import secrets
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import Error, transaction
from django.utils import timezone

from tokenauth import conf
from tokenauth.audit import trail
from tokenauth.models import isolation
from tokenauth.models.catalogue import Catalogue, Held
from tokenauth.models.client import Client, ClientSecret
from tokenauth.models.event import EventKind
from tokenauth.models.key import KeyPurpose
from tokenauth.observability import log
from tokenauth.policy.clients import PREFIX, digest_of
from tokenauth.tokens.keyring import KEYRING, database

#: Secrets of one client that live at the same time.
MOST_LIVE = 2
#: How often the last use of a secret is written at most.
USE_PERIOD = timedelta(hours=1)
#: When a use is tried again that could not be written.
_USE_AGAIN = timedelta(minutes=1)
#: When this process last wrote the use of a secret, by its primary key.
USES: dict[tuple[str, int], datetime] = {}


class TooManySecrets(ValueError):
    """As many secrets live as may; retire one first."""


def register(client: Client, *, actor: str = "") -> None:
    """Save a new client.

    Raises:
        ValidationError: Its id is taken or none, or it cannot be what it says.

    Side effects: event `client_changed`; every process knows it within the staleness bound.
    """
    alias, now = database(), timezone.now()
    if client.kind == Client.Kind.RESOURCE and (client.first_party or client.policy):
        raise ValidationError("A resource server logs nobody in: it is not first-party and has no policy.")
    client.full_clean()
    with transaction.atomic(using=alias):
        client.save(using=alias, force_insert=True)
        _changed(EventKind.CLIENT_CHANGED, client, actor, now, {"registered": True})


def is_public(client: Client) -> bool:
    """Whether a client is let in without a secret: its kind demands none, and it never had one. One query."""
    if client.kind in Client.CONFIDENTIAL:
        return False
    return not ClientSecret.objects.using(database()).filter(client=client).exists()


def make_secret(client: Client, *, actor: str = "", expires_at: datetime | None = None) -> str:
    """Make a secret for a client and return it: it is shown this once and stored nowhere.

    Raises:
        TooManySecrets: Two live already; retire one first.

    Side effects: event `secret_made`; every process knows the secret within the staleness bound.
    """
    alias, now = database(), timezone.now()
    with transaction.atomic(using=alias):
        Client.objects.using(alias).select_for_update().get(pk=client.pk)
        if ClientSecret.objects.using(alias).filter(client=client).live(at=now).count() >= MOST_LIVE:
            raise TooManySecrets(f"a client has at most {MOST_LIVE} live secrets, retire one first")
        secret = PREFIX + secrets.token_urlsafe(32)
        ClientSecret.objects.using(alias).create(
            client=client,
            digest=digest_of(secret, KEYRING.active(KeyPurpose.PEPPER).mac),
            tail=secret[-4:],
            created_at=now,
            expires_at=expires_at,
        )
        _changed(EventKind.SECRET_MADE, client, actor, now, {"tail": secret[-4:]})
    return secret


def retire_secret(secret: ClientSecret, *, actor: str = "") -> None:
    """End a secret; what its client holds lives on.

    Side effects: event `secret_retired`; every process refuses it within the staleness bound.
    """
    alias, now = database(), timezone.now()
    with transaction.atomic(using=alias):
        if ClientSecret.objects.using(alias).filter(pk=secret.pk, revoked_at=None).update(revoked_at=now):
            _changed(EventKind.SECRET_RETIRED, secret.client, actor, now, {"tail": secret.tail})


def note_secret_use(pk: int, *, at: datetime) -> None:
    """Record when a secret was last used, at most once an hour: it tells an operator which one may go.

    For after the answer. No query while this process wrote it within the hour; what fails is logged and
    tried again a minute later. No process loads the clients again for it.

    Args:
        pk: The secret's primary key.
        at: The flow's one clock.
    """
    secret = (conf.namespace(), pk)
    written = USES.get(secret)
    if written is not None and abs(at - written) < USE_PERIOD:
        return
    USES[secret] = at  # first: others who use it at this moment need not write it too
    alias = database()
    try:
        with isolation.short_locks(using=alias):
            ClientSecret.objects.using(alias).note_use(pk, at=at, unless_since=at - USE_PERIOD)
    except Error as failure:
        USES[secret] = at - USE_PERIOD + _USE_AGAIN
        log.note("secret_use_not_noted", level=logging.WARNING, error=type(failure).__name__)


def enable(client: Client, *, actor: str = "") -> None:
    """Let a disabled client ask for tokens again; what was revoked stays dead: its epoch stays.

    Side effects: event `client_changed`.
    """
    alias, now = database(), timezone.now()
    with transaction.atomic(using=alias):
        Client.objects.using(alias).filter(pk=client.pk).update(disabled_at=None)
        _changed(EventKind.CLIENT_CHANGED, client, actor, now, {"enabled": True})


def _changed(kind: EventKind, client: Client, actor: str, at: datetime, data: dict[str, object]) -> None:
    alias = database()
    Catalogue.objects.using(alias).changed(Held.CLIENTS)
    event = trail.entry(kind, at=at, client_id=client.client_id, actor=actor, data=data)
    trail.save(event, using=alias)
