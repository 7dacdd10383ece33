"""The database came back as an older one: the trail says so once, lost kills are made good (PROTOCOL 3)."""

from datetime import timedelta

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.subqueries import InsertQuery
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from tokenauth.audit import trail
from tokenauth.flows.revoke import revoke
from tokenauth.models import KeyRecord, Plane, TokenEvent
from tokenauth.models.event import EventKind
from tokenauth.revocation import numbering
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.process import MIRROR, Behind
from tokenauth.revocation.subjects import OfKey
from tokenauth.tokens.keyring import database

#: Every process of a site sees it within seconds; an hour later it is another incident.
ONE_INCIDENT = timedelta(hours=1)


def record(connection: BaseDatabaseWrapper, behind: Behind) -> None:
    """Write one event of the incident, in a transaction of its own. At most three queries.

    Args:
        connection: The mirror's own: a request's may be in a transaction that is rolled back.
    """
    now = timezone.now()
    data = {"plane": str(behind.plane_id), "from": behind.found, "to": behind.held}
    # before the transaction: its key may have to be made, on another connection
    event = trail.entry(EventKind.DATABASE_BEHIND, at=now, data=data)
    known = TokenEvent.objects.told().filter(
        kind=EventKind.DATABASE_BEHIND, family=None, at__gt=now - ONE_INCIDENT
    )
    plane = Plane.objects.select_for_update() if connection.features.has_select_for_update else None
    with numbering.in_transaction(connection):
        if plane is not None:  # one after the other: the second sees the first's event
            list(plane.query.get_compiler(connection=connection).results_iter())
        if known.query.exists().get_compiler(connection=connection).has_results():
            return
        _insert(connection, event)


def kill_again(connection: BaseDatabaseWrapper, behind: Behind) -> None:
    """Kill the keys whose kill was lost: every process refuses what they sign, the new logins too.

    One query, and the revocation of each key that is found; not in a transaction of the site's, which
    may be rolled back: the mirror asks again a minute later.
    """
    alias, floors = database(), MIRROR.floors()
    if connections[alias].in_atomic_block:
        raise TransactionManagementError("a request's own transaction is open")
    was_open = connections[alias].connection is not None
    try:
        usable = KeyRecord.objects.using(alias).usable().values_list("kid", flat=True)
        for kid in [kid for kid in usable if floors.has_ended(Kind.KID, kid)]:
            revoke(OfKey(kid), reason="the database lost that it was killed")
    finally:
        if not was_open:  # that of the mirror's thread, which nobody else would close
            connections[alias].close()


def _insert(connection: BaseDatabaseWrapper, event: TokenEvent) -> None:
    query = InsertQuery(TokenEvent)
    query.insert_values(
        [field for field in TokenEvent._meta.concrete_fields if not field.primary_key], [event]
    )
    query.get_compiler(connection=connection).execute_sql()
