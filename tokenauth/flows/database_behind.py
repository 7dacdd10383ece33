"""The database came back as an older one: the trail says so once, whoever sees it (PROTOCOL 3)."""

from datetime import timedelta

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.subqueries import InsertQuery
from django.utils import timezone

from tokenauth.audit import trail
from tokenauth.models import Plane, TokenEvent
from tokenauth.models.event import EventKind
from tokenauth.revocation import numbering
from tokenauth.revocation.process import Behind

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


def _insert(connection: BaseDatabaseWrapper, event: TokenEvent) -> None:
    query = InsertQuery(TokenEvent)
    query.insert_values(
        [field for field in TokenEvent._meta.concrete_fields if not field.primary_key], [event]
    )
    query.get_compiler(connection=connection).execute_sql()
