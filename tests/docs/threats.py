"""The threat model as data: its lines, and when somebody last went through them."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/explanation/threat-model.md"
#: How long a review counts.
GOOD_FOR = timedelta(days=180)

_LINE = re.compile(r"^- \*\*(T\d+): (.+?)\*\* (.+?) Held by (.+)\.$", re.MULTILINE)
_REVIEWED = re.compile(r"^Last reviewed: (\d{4}-\d\d-\d\d)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Threat:
    """One line of a list: what is feared, and which tests hold what stands against it."""

    id: str
    says: str
    held_by: tuple[str, ...]


def threats() -> list[Threat]:
    """Return the lines of the page, in order."""
    return [
        Threat(id_, says, tuple(re.findall(r"`([^`]+)`", held_by)))
        for id_, says, _, held_by in _LINE.findall(PAGE.read_text())
    ]


def reviewed() -> date:
    """Return the day of the last review."""
    found = _REVIEWED.search(PAGE.read_text())
    if found is None:
        raise ValueError("the threat model does not say when it was reviewed")
    return date.fromisoformat(found[1])


def overdue(today: date) -> str | None:
    """Return a line that asks for a review where the last one was too long ago."""
    days = (today - reviewed()).days
    if days <= GOOD_FOR.days:
        return None
    return f"The threat model was reviewed {days} days ago: go through docs/explanation/threat-model.md."
