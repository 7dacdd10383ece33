"""What happened to a session: its events, and what ended it."""

from datetime import datetime
from typing import Any

from tokenauth.admin.people import key_in, name_of, people
from tokenauth.errors import Cause
from tokenauth.models import EventDetail, TokenEvent, TokenFamily
from tokenauth.models.event import EventKind
from tokenauth.tokens.keyring import database

#: Events that a session's page shows, the newest.
SHOWN = 50

#: What a revocation above the family leaves in the trail.
_ABOVE = (EventKind.REVOKED, EventKind.DEVICE_LOST)
#: What ends the family itself.
_OWN = (EventKind.ENDED, EventKind.REUSE, EventKind.BINDING_REFUSED)


def events_of(family: TokenFamily) -> list[TokenEvent]:
    """Return a session's newest events, newest first, with their personal part. Two queries."""
    alias = database()
    events = list(TokenEvent.objects.using(alias).of_family(family.pk).reverse()[:SHOWN])
    details = EventDetail.objects.using(alias).in_bulk([event.pk for event in events])
    for event in events:
        # a missing one would be asked for again
        event.__dict__["personal"] = details.get(event.pk)
    return events


def reason_of(event: TokenEvent) -> str:
    """Return why somebody did it, in his words; empty where he gave none."""
    return str((event.data or {}).get("reason", ""))


def names_of(events: list[TokenEvent]) -> list[str]:
    """Return who did each, by name. One query at most."""
    known = people(key_in(event.actor) for event in events)
    return [name_of(event.actor, known) for event in events]


def end_of(family: TokenFamily, cause: Cause | None) -> TokenEvent | None:
    """Return the event that ended a session, its own or that of account, device, client or site.

    None where it lives, expired, or the trail is no longer kept. At most two queries.
    """
    if cause is None:
        return None
    events = TokenEvent.objects.using(database())
    own = events.of_family(family.pk).filter(kind__in=_OWN).last()
    if own is not None or cause not in (Cause.ACCOUNT_CHANGED, Cause.REVOKED, Cause.CLIENT_DISABLED):
        return own
    since: dict[str, datetime] = {"at__gte": family.created_at}
    above: Any = events.told().filter(kind__in=_ABOVE, **since)
    return above.filter(**_level(family, cause)).order_by("pk").last()  # type: ignore[no-any-return]


def _level(family: TokenFamily, cause: Cause) -> dict[str, Any]:
    if cause is Cause.ACCOUNT_CHANGED:
        whose = [key for key in (family.user_key, family.impersonator) if key]
        return {"user_key__in": whose, "device": None}
    if family.ep_device < family.device.epoch:
        return {"device": family.device_id}
    if cause is Cause.CLIENT_DISABLED or family.ep_client < family.client.epoch:
        return {"client_id": family.client.client_id, "family": None}
    return {"client_id": "", "user_key": "", "device": None}
