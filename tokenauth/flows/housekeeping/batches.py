"""Many rows in short transactions: nobody waits long for a row, and nothing waits for one of another's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet

from tokenauth.models import isolation

M = TypeVar("M", bound=Model)
Rows = TypeVar("Rows", bound="QuerySet[Any]")

#: Rows that one transaction takes: about 20 ms, of 5,000 it was more than 50.
SIZE = 2_000
#: Full batches that one run takes; what is left waits for the next run.
MOST = 500


@dataclass
class Allowance:
    """How many full batches a run may still take, whatever they are of."""

    batches: int = field(default_factory=lambda: MOST)
    #: Whether something may have been left for the next run.
    left_over: bool = False

    def has_more(self) -> bool:
        """Whether another batch may be begun; the run is marked unfinished where not."""
        self.left_over = self.left_over or self.batches <= 0
        return self.batches > 0

    def spend(self) -> None:
        """Count a full batch; others are small, and counting them would starve what comes last."""
        self.batches -= 1


def each(rows: Rows, deed: Callable[[Rows], int], *, using: str, allowance: Allowance) -> int:
    """Do something to rows, a batch in each transaction; rows that another has locked are left out.

    The deed meets only what still fits the query once it is locked: two who run at once do no harm.

    Args:
        rows: Without joins: everything that the query names is locked.
        deed: It returns how many rows it changed or deleted.
    Returns:
        The sum. A batch is selected, locked, and done; as many as are allowed.
    """
    rows, total = rows.using(using), 0
    last: Any = None
    while allowance.has_more():
        with isolation.read_committed(using=using):
            keys = _locked_keys(rows if last is None else rows.filter(pk__gt=last), using=using)
            if not keys:
                break
            total += deed(rows.filter(pk__in=keys))
        last = keys[-1]
        if len(keys) < SIZE:
            break
        allowance.spend()
    return total


def delete(rows: "QuerySet[M]") -> int:
    """Delete rows that nothing refers to, and return how many.

    Straight in the table: where a site listens to `post_delete` of every model, Django would fetch each row.
    """
    return rows._raw_delete(rows.db) or 0  # None where nothing could fit the query


def windows(
    rows: "QuerySet[M]", fact: str, *, using: str, allowance: Allowance
) -> "Iterator[list[tuple[Any, Any]]]":
    """Go through a table in the order of its key: each window is up to `SIZE` pairs of key and fact."""
    last: Any = None
    while allowance.has_more():
        following = rows.using(using) if last is None else rows.using(using).filter(pk__gt=last)
        window = list(following.order_by("pk").values_list("pk", fact)[:SIZE])
        if not window:
            return
        yield window
        if len(window) < SIZE:
            return
        allowance.spend()
        last = window[-1][0]


def locked(rows: "QuerySet[M]", *, using: str) -> "QuerySet[M]":
    """Return the rows that nobody else has locked, locked until commit."""
    skips = connections[using].features.has_select_for_update_skip_locked
    return rows.using(using).order_by("pk").select_for_update(skip_locked=skips)


def _locked_keys(rows: "QuerySet[M]", *, using: str) -> list[Any]:
    return list(locked(rows, using=using).values_list("pk", flat=True)[:SIZE])
