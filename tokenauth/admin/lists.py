"""Lists of big tables: a count that stops, orders and filters that an index serves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import Max, Min, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

#: Rows that a list counts, and so the rows that its pages reach.
MOST_COUNTED = 1_000
#: Rows that are looked through where no index serves what is asked; the newest by primary key.
NEWEST = 100_000
#: Rows that one step looks at on its way to the first number of a period.
PROBES = 100
#: A flow writes at its end what it dates by its beginning.
LATE = timedelta(minutes=1)

STYLES = "tokenauth/admin.css"

#: What a filter's links append to its column.
_EXACT = frozenset({"id", "exact", "isnull"})

PERIODS = {
    "hour": (timedelta(hours=1), _("the last hour")),
    "day": (timedelta(days=1), _("the last day")),
    "week": (timedelta(days=7), _("the last week")),
}


class OrMore(int):
    """A count that stopped: its text says so wherever the admin prints it."""

    def __str__(self) -> str:
        return gettext("%d or more") % int(self)


def bounded_count(rows: QuerySet[Any], most: int = MOST_COUNTED) -> int:
    """Count rows, but read no more than `most` and one of them. One query."""
    counted = rows.order_by()[: most + 1].count()
    return OrMore(most) if counted > most else counted


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages over the first `MOST_COUNTED` rows: neither a count nor an offset grows with the table."""

    @cached_property
    def count(self) -> int:
        return bounded_count(cast("QuerySet[Any]", self.object_list))


class PreparedList(ChangeList):
    """A page of rows for which the list's `prepare` was called once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        cast("BigList", self.model_admin).prepare(self.result_list)


class BigList(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list that costs the same however many rows there are."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 200
    #: A click on any other column would sort the whole table.
    sortable_by = ()
    #: Columns with an index of their own that links from other pages narrow the list by.
    linked: tuple[str, ...] = ()

    @property
    def media(self) -> forms.Media:
        return super().media + forms.Media(css={"all": [STYLES]})

    def prepare(self, rows: Sequence[Any]) -> None:
        """Ask once for all rows of a page what their columns show besides themselves."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PreparedList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        if (row := super().get_object(request, object_id, from_field)) is not None:
            self.prepare([row])
        return row

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what filters and links offer: Django lets a URL ask for any column, secrets included."""
        name, *rest = lookup.split("__")
        offered = {*map(_parameter, self.list_filter), *self.linked}
        return name in offered and _EXACT.issuperset(rest)


def _parameter(offered: Any) -> str:
    return str(getattr(offered, "parameter_name", offered))


def first_id(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of a moment: ids from it on were made then or later."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62)


def newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Narrow rows to the newest `NEWEST` of their table. One query, by the primary key."""
    last = rows.model._base_manager.using(rows.db).order_by("-pk").values_list("pk", flat=True).first()
    return rows if last is None else rows.filter(pk__gt=last - NEWEST)


def told(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Narrow a trail to what an index of its own holds; where the back end has none, to the newest rows."""
    return cast("Any", rows).told() if has_indexes_of_the_rare(rows) else newest(rows)


def has_indexes_of_the_rare(rows: QuerySet[Any]) -> bool:
    """Whether kinds, clients, devices and actors of a trail are indexed but for the everyday rows."""
    return connections[rows.db].vendor == "postgresql"


def since(rows: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
    """Narrow a trail to what was written since a moment, by its numbers: no index holds its moments.

    At most five queries of `PROBES` rows for a hundred million.
    """
    return rows.filter(pk__gte=_number_of(rows, moment - LATE), at__gte=moment)


def _number_of(rows: QuerySet[Any], moment: datetime) -> int:
    table = rows.model._base_manager.using(rows.db).order_by()
    ends = table.aggregate(low=Min("pk"), high=Max("pk"))
    low, high = ends["low"] or 0, ends["high"] or 0
    while high - low > PROBES:
        probes = range(low, high, (high - low) // PROBES)
        # from the newest: what a clock that was wrong has written long ago costs nothing
        found = list(table.filter(pk__in=probes).order_by("-pk").values_list("pk", "at"))
        earlier = next((number for number, at in found if at < moment), low)
        later = min((number for number, _at in found if number > earlier), default=high)
        if (earlier, later) == (low, high):  # nothing lies in between any more
            break
        low, high = earlier, later
    return low


class _Within(admin.SimpleListFilter):
    parameter_name = "within"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, title) for name, (_period, title) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (asked := PERIODS.get(self.value() or "")) is None:
            return queryset
        return self.since(queryset, timezone.now() - asked[0])

    def since(self, rows: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        raise NotImplementedError


class Begun(_Within):
    """Rows whose UUIDv7 was made in a period."""

    title = pgettext_lazy("filter of a list", "begun")

    def since(self, rows: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return rows.filter(pk__gte=first_id(moment))


class Written(_Within):
    """Numbered rows of a period."""

    title = pgettext_lazy("filter of a list", "written")

    def since(self, rows: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return since(rows, moment)


class OfKind(admin.SimpleListFilter):
    """Numbered rows of one kind; of the everyday ones, those among the newest."""

    title = pgettext_lazy("filter of a list", "kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        model: type[Model] = model_admin.model
        kinds = cast("list[tuple[int, str]]", model._meta.get_field("kind").choices)  # type: ignore[union-attr]
        return [(str(number), name) for number, name in kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {name for name, _title in self.lookup_choices}
        if (asked := self.value()) not in known:
            return queryset
        everyday = {int(kind) for kind in queryset.model.EVERYDAY}
        rows = newest(queryset) if int(asked) in everyday else told(queryset)
        return rows.filter(kind=int(asked))
