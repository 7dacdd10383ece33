"""Reading the trail again: what was changed, and which generation of a session has no event (PROTOCOL 6)."""

import hmac
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tokenauth.audit import mac, trail
from tokenauth.models.event import EventDetail, EventKind, TokenEvent
from tokenauth.models.family import TokenFamily
from tokenauth.models.pages import in_pages
from tokenauth.tokens.keyring import database

#: Rows that one query reads.
PAGE = 1000

#: The events that each stand for one answer of a session.
_ANSWERS = (
    EventKind.ISSUED,
    EventKind.ROTATED,
    EventKind.LATE_REPEAT,
    EventKind.KEPT,
    EventKind.DATABASE_BEHIND,
)


class Fault(StrEnum):
    """What is wrong with a row of the trail."""

    CHANGED = "changed"
    DETAIL_CHANGED = "detail changed"
    MISSING = "missing"
    DOUBLED = "doubled"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, named: the event, or the answer of a session that has none."""

    fault: Fault
    event: int | None = None
    family: UUID | None = None
    generation: int | None = None
    branch: int | None = None

    def __str__(self) -> str:
        if self.event is not None:
            return f"event {self.event}: {self.fault}"
        return f"session {self.family} generation {self.generation} branch {self.branch}: {self.fault}"


def faults() -> Iterator[Finding]:
    """Read every event and every session; yield what does not hold, a page of rows at a time.

    Found: an event or its personal part that was changed, and an answer of a session that is still kept
    whose event was deleted or doubled. Not found yet: the deletion of other events, and of the last
    branches of an older generation. A personal part that was erased is no fault.
    """
    yield from _changed()
    yield from _lineage()


def _changed() -> Iterator[Finding]:
    events = TokenEvent.objects.using(database()).select_related("detail")
    for page in in_pages(events, PAGE):
        for event in page:
            if not mac.holds(event):
                yield Finding(Fault.CHANGED, event=event.pk)
            elif _detail_is_another(event):
                yield Finding(Fault.DETAIL_CHANGED, event=event.pk)


def _detail_is_another(event: TokenEvent) -> bool:
    personal: EventDetail | None = getattr(event, "detail", None)
    if personal is None or not bytes(personal.salt):
        return False
    if event.detail_hash is None:
        return True
    return not any(
        hmac.compare_digest(digest, bytes(event.detail_hash)) for digest in trail.digests(personal)
    )


def _lineage() -> Iterator[Finding]:
    families = TokenFamily.objects.using(database()).only("pk", "generation", "branches")
    for page in in_pages(families, PAGE):
        yield from _answers_of(page)


def _answers_of(families: Sequence[TokenFamily]) -> Iterator[Finding]:
    seen: dict[UUID, dict[tuple[int, int], int]] = defaultdict(lambda: defaultdict(int))
    lost: dict[UUID, set[int]] = defaultdict(set)
    events = TokenEvent.objects.using(database()).filter(
        family__in=[family.pk for family in families], kind__in=_ANSWERS
    )
    for owner, kind, generation, branch, data in events.values_list(
        "family", "kind", "generation", "branch", "data"
    ):
        if owner is None or generation is None or branch is None:
            continue
        seen[owner][generation, branch] += 1
        if kind == EventKind.DATABASE_BEHIND and data:
            # the database lost what lay between: no event of it can be expected
            lost[owner].update(range(int(data["from"]), int(data["to"])))
    for family in families:
        yield from _gaps(family, seen[family.pk], lost[family.pk])


def _gaps(family: TokenFamily, seen: dict[tuple[int, int], int], lost: set[int]) -> Iterator[Finding]:
    branches = dict.fromkeys(range(family.generation), 1) | {family.generation: family.branches}
    for generation, branch in seen:
        if generation in branches:
            branches[generation] = max(branches[generation], branch + 1)
    for generation in sorted(branches.keys() - lost):
        for branch in range(branches[generation]):
            times = seen.get((generation, branch), 0)
            if times != 1:
                fault = Fault.DOUBLED if times else Fault.MISSING
                yield Finding(fault, family=family.pk, generation=generation, branch=branch)
