"""Databases that a test adds to the site's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connections


@contextmanager
def added(alias: str, **database: Any) -> Iterator[str]:
    """A further alias, as if it stood in DATABASES; its connections are this thread's and those it starts."""
    connections.settings[alias] = {**connections.settings["default"], "OPTIONS": {}, **database}
    try:
        yield alias
    finally:
        if hasattr(connections._connections, alias):
            connections[alias].close()
            del connections[alias]
        del connections.settings[alias]


@contextmanager
def empty(folder: Path) -> Iterator[str]:
    """A database in which nobody ran `migrate`."""
    with added("empty", ENGINE="django.db.backends.sqlite3", NAME=str(folder / "empty.sqlite3")) as alias:
        yield alias
