"""Databases of a run's own on the server that is there, gone when it ends."""

from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


class Databases:
    """For the length of a `with`; one that was migrated is copied for the next worker of its kind."""

    def __init__(self, server: str, prefix: str) -> None:
        self._server, self._prefix = server, prefix
        self._made: list[str] = []
        self._migrated: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._made:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def copy(self, kind: str, migrate: Callable[[str], None]) -> str:
        """Return the URL of a new database with the tables of a kind.

        Args:
            kind: What is migrated once.
            migrate: Makes the tables in an empty database, of which it is given the URL.
        """
        original = f"{self._prefix}_{kind}"
        if kind not in self._migrated:
            self._create("CREATE DATABASE {}", original)
            migrate(self._url(original))
            self._migrated.add(kind)
        copy = f"{original}_{len(self._made)}"
        self._create("CREATE DATABASE {} TEMPLATE {}", copy, original)
        return self._url(copy)

    def drop(self, url: str) -> None:
        """Drop one before the end."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", urlsplit(url).path.lstrip("/"))

    def _create(self, statement: str, *names: str) -> None:
        self._made.append(names[0])
        self._execute(statement, *names)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as server:
            server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))
