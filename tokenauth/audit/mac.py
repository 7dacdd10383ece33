"""The MAC of an event: its canonical row without id, under a key that no database dump opens."""

import hmac
from typing import Any

from tokenauth.models.event import TokenEvent
from tokenauth.models.key import KeyPurpose
from tokenauth.tokens.encoding import to_json
from tokenauth.tokens.keyring import KEYRING

VERSION = 1


def of(event: TokenEvent) -> bytes:
    """Return the MAC of an event under the audit key in use, 32 bytes."""
    return KEYRING.active(KeyPurpose.AUDIT).mac(canonical(event))


def holds(event: TokenEvent) -> bool:
    """Whether a stored event still is what was written."""
    message = canonical(event)
    return any(
        hmac.compare_digest(key.mac(message), bytes(event.mac)) for key in KEYRING.all(KeyPurpose.AUDIT)
    )


def canonical(event: TokenEvent) -> bytes:
    """Return the one spelling of an event's facts."""
    facts: dict[str, Any] = {
        "event": VERSION,
        "at": int(event.at.timestamp() * 1_000_000),
        "kind": int(event.kind),
        "family": event.family and str(event.family),
        "user": event.user_key,
        "client": event.client_id,
        "device": event.device and str(event.device),
        "gen": event.generation,
        "br": event.branch,
        "cause": str(event.cause),
        "actor": event.actor,
        "data": event.data and sorted(event.data.items()),
        "detail": event.detail_hash and bytes(event.detail_hash).hex(),
    }
    return to_json(facts)
