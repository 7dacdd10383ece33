"""Writing the trail: an event under its MAC, and the personal part that can be forgotten."""

import os
from datetime import datetime
from typing import Any
from uuid import UUID

from tokenauth.audit import mac
from tokenauth.models.event import EventDetail, EventKind, TokenEvent
from tokenauth.models.key import KeyPurpose
from tokenauth.tokens.encoding import to_json
from tokenauth.tokens.keyring import KEYRING

#: Bytes of JSON in `data`.
LARGEST_DATA = 512


def entry(
    kind: EventKind,
    *,
    at: datetime,
    family: UUID | None = None,
    user_key: str = "",
    client_id: str = "",
    device: UUID | None = None,
    generation: int | None = None,
    branch: int | None = None,
    cause: str = "",
    actor: str = "",
    data: dict[str, Any] | None = None,
    detail: EventDetail | None = None,
) -> TokenEvent:
    """Return an event with its MAC, not yet saved.

    Args:
        at: The flow's one clock.
        generation, branch: Where the family stands after it.
        data: Further facts, at most 512 bytes as JSON; never a token, secret or personal datum.
        detail: The personal part; the event holds a keyed digest of it.
    Raises:
        ValueError: `data` is too large.
    """
    if data is not None and len(to_json(data)) > LARGEST_DATA:
        raise ValueError("an event's data is at most 512 bytes")
    event = TokenEvent(
        at=at,
        kind=kind,
        family=family,
        user_key=user_key,
        client_id=client_id,
        device=device,
        generation=generation,
        branch=branch,
        cause=cause,
        actor=actor[:255],
        data=data,
        detail_hash=detail and digest(detail),
    )
    event.mac = mac.of(event)
    return event


def detail(*, address: str | None, agent: str, name: str = "") -> EventDetail:
    """Return the erasable part of an event, cut to its columns, not yet saved.

    Args:
        address: Parsed network address, None where it is unknown.
        agent: The client's User-Agent.
        name: The user's name at the time.
    """
    return EventDetail(
        salt=os.urandom(16), address=address, agent=storable(agent, 256), name=storable(name, 255)
    )


def digest(personal: EventDetail) -> bytes:
    """Return what the event keeps of its detail: nothing, once salt and values are erased."""
    return KEYRING.active(KeyPurpose.PRIVACY).mac(_spelled(personal))


def digests(personal: EventDetail) -> list[bytes]:
    """Return the digest under each key that may have made it: keys rotate."""
    return [key.mac(_spelled(personal)) for key in KEYRING.all(KeyPurpose.PRIVACY)]


def _spelled(personal: EventDetail) -> bytes:
    facts = to_json({"address": personal.address, "agent": personal.agent, "name": personal.name})
    return bytes(personal.salt) + facts


def save(event: TokenEvent, *, using: str, detail: EventDetail | None = None) -> None:
    """Write an event and its detail. Two queries at most; run it in the flow's transaction."""
    event.save(using=using, force_insert=True)
    if detail is not None:
        detail.event = event
        detail.save(using=using, force_insert=True)


def storable(text: str, length: int) -> str:
    """Return a text that every database stores: without NUL and lone surrogates, cut to its column."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:length]
