"""What an examination found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Nothing in it is secret."""

    level: Level
    text: str
    #: What to do; empty where nothing has to be done.
    mend: str = ""
    #: The examination that found it.
    about: str = ""


def ok(text: str) -> Finding:
    return Finding(Level.OK, text)


def warning(text: str, *, mend: str) -> Finding:
    return Finding(Level.WARNING, text, mend)


def error(text: str, *, mend: str) -> Finding:
    return Finding(Level.ERROR, text, mend)
