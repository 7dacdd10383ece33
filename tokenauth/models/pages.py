"""Going through a big table in the order of its key, a page of rows at a time."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def in_pages(rows: QuerySet[M], size: int) -> Iterator[list[M]]:
    """Yield rows by rising primary key, `size` at a time. A query each: no cursor is held meanwhile."""
    following = rows.order_by("pk")
    last: Any = None
    while page := list((following if last is None else following.filter(pk__gt=last))[:size]):
        yield page
        last = page[-1].pk
