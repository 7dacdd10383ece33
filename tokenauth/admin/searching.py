"""One search box: what is typed tells by its shape which indexed columns are asked."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.lists import MOST_COUNTED, BigList, told
from tokenauth.models import Client, EventDetail, TokenEvent, users
from tokenauth.models.device import as_public_id

#: Users that a name or an e-mail address stands for at most.
MOST_USERS = 50
#: Characters: no column that is asked holds more.
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a list looks for what was typed, by its shape. Each is a lookup of its model."""

    #: Columns of UUIDs.
    ids: tuple[str, ...] = ()
    #: Columns that hold the whole text.
    texts: tuple[str, ...] = ()
    #: The column of user keys.
    user: str = ""
    #: The foreign key of a client.
    client: str = ""
    #: The column that holds an event's field, for addresses: (own column, the event's).
    seen: tuple[str, str] | None = None
    #: The column that holds an event's number, for sessions.
    of_session: str = ""
    #: Those of a trail whose index leaves the everyday rows out: only the others are looked through.
    told: tuple[str, ...] = ()


class SearchedList(BigList):
    """A list with the search box; an ungainly text finds nothing."""

    columns = Columns()
    search_help_text = _("An id, a user's key, name or e-mail address, a client's id, or an IP address.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Narrow the list to what was typed; no join multiplies its rows."""
        if not (term := search_term.strip()):
            return queryset, False
        if len(term) > _LONGEST or not term.isprintable():
            return queryset.none(), False
        found = list(_sought(term, self.columns, queryset))
        found += _of_client(term, self.columns, queryset, alone=not found)
        if not found:
            return queryset.none(), False
        return queryset.filter(Q(*found, _connector=Q.OR)), False


def _sought(term: str, columns: Columns, rows: QuerySet[Any]) -> Iterator[Q]:
    id_, address = as_public_id(term), as_address(term)
    if id_:
        yield from (_of(columns, rows, column, [id_]) for column in columns.ids)
        if columns.of_session:
            yield Q((f"{columns.of_session}__in", _events_of(id_)))
    if address and columns.seen:
        own, of_event = columns.seen
        yield Q((f"{own}__in", _seen_from(address, of_event)))
    if columns.user and (keys := user_keys(term, named=not (id_ or address))):
        yield _of(columns, rows, columns.user, keys)
    yield from (_of(columns, rows, column, _spellings(term, id_)) for column in columns.texts)


def _of_client(term: str, columns: Columns, rows: QuerySet[Any], *, alone: bool) -> list[Q]:
    if not columns.client or as_public_id(term) or as_address(term):
        return []
    pk = Client.objects.filter(client_id=term).values_list("pk", flat=True).first()
    if pk is None:
        return []
    if alone:
        return [Q((columns.client, pk))]
    # asked apart: a disjunction would walk through everybody's rows to keep their order
    newest_of_it = rows.filter(Q((columns.client, pk))).order_by("-pk").values_list("pk", flat=True)
    return [Q(pk__in=list(newest_of_it[:MOST_COUNTED]))]


def _of(columns: Columns, rows: QuerySet[Any], column: str, values: list[Any]) -> Q:
    if column not in columns.told:
        lookups = [(column, value) for value in values] if "__" in column else [(f"{column}__in", values)]
        return Q(*lookups, _connector=Q.OR)
    # asked apart: within a disjunction no index would be looked at in its own order
    found = told(rows).filter(**{f"{column}__in": values}).order_by("-pk")
    return Q(pk__in=list(found.values_list("pk", flat=True)[:MOST_COUNTED]))


def as_address(text: str) -> str | None:
    """Return an IP address as the database holds it, None where the text is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def user_keys(term: str, *, named: bool = True) -> list[str]:
    """Return the keys of the users that a text may stand for, itself among them where it can be one.

    Args:
        named: Whether it may be a name or an e-mail address. At most four queries then, none otherwise.
    """
    pk = users.pk_of(term)
    keys = set() if pk is None else {term}
    if isinstance(pk, UUID):
        keys.add(users.key_of_pk(pk))
    if named:
        keys.update(users.key_of_pk(found) for found in _users_named(term))
    return sorted(keys)


def _users_named(term: str) -> list[Any]:
    model = get_user_model()
    rows = model._base_manager.using(users.database()).order_by()
    names = [(name, field) for name in _naming(term) if (field := _text_field(model, name))]
    # no index may serve an e-mail address: it is asked for only where nobody's name is the text
    attempts = [(name, "exact") for name, _field in names]
    attempts += [(name, "startswith") for name, field in names if _is_indexed(field)]
    for name, lookup in attempts:
        found = list(rows.filter(**{f"{name}__{lookup}": term}).values_list("pk", flat=True)[:MOST_USERS])
        if found:
            return found
    return []


def _naming(term: str) -> list[str]:
    model = get_user_model()
    names = [model.USERNAME_FIELD]
    if "@" in term and model.get_email_field_name() not in names:
        names.append(model.get_email_field_name())
    return names


def _text_field(model: type[models.Model], name: str) -> "models.Field[Any, Any] | None":
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) and _holds_text(field) else None


def _holds_text(field: "models.Field[Any, Any]") -> bool:
    return isinstance(field, models.CharField | models.TextField)


def _is_indexed(field: "models.Field[Any, Any]") -> bool:
    return field.unique or bool(getattr(field, "db_index", False))


def _spellings(term: str, id_: UUID | None) -> list[str]:
    return sorted({term, str(id_)}) if id_ else [term]


def _events_of(family: UUID) -> list[int]:
    events = TokenEvent.objects.of_family(family).reverse()
    return list(events.values_list("pk", flat=True)[:MOST_COUNTED])


def _seen_from(address: str, of_event: str) -> list[Any]:
    details = EventDetail.objects.filter(address=address).order_by("-pk")
    events = list(details.values_list("pk", flat=True)[:MOST_COUNTED])
    if of_event == "pk":
        return events
    named = TokenEvent.objects.filter(pk__in=events).exclude(**{of_event: None}).order_by()
    return list(named.values_list(of_event, flat=True).distinct())
