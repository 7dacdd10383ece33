"""The stacks that the tests run on: a database, how its transactions are, and a Python with its Django."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dj_database_url
import psycopg
import pymysql

from tests import pooler
from tests.databases import ATOMIC_REQUESTS, ISOLATION, POOLER

BIN = Path(sys.executable).parent
#: Where a server is looked for, unless DATABASE_URL or MARIADB_URL names another.
USUAL = {
    "postgres": "postgres://postgres@127.0.0.1:5432/postgres",
    "mysql": "mysql://root@127.0.0.1:3306/mysql",
}
#: The environment of tox that brings a newer Python and Django, and what names its interpreter.
NEWEST_ENV, NEWEST_PYTHON = "django61-py313", "PYTHON_313"


class Missing(Exception):
    """This machine does not have what a stack needs; the text says what."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One combination. `server` is the kind of database that must answer; none for SQLite."""

    name: str
    server: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    tox: str = ""
    #: Its server is reached through a transaction pooler of its own.
    is_pooled: bool = False

    def pytest(self) -> list[str]:
        """The command before pytest's own arguments.

        Raises:
            Missing: There is no such Python or no pooler here.
        """
        if self.is_pooled:
            return [*_through_the_pooler(), sys.executable, "-m", "pytest"]
        if not self.tox:
            return [sys.executable, "-m", "pytest"]
        python = os.environ.get(NEWEST_PYTHON) or shutil.which("python3.13")
        if python is None:
            raise Missing(f"no Python 3.13: set {NEWEST_PYTHON} to one")
        return [str(BIN / "tox"), "run", "-q", "-e", self.tox, "--discover", python, "--"]

    def environment(self) -> dict[str, str]:
        """The environment of its processes, a server's answer awaited.

        Raises:
            Missing: The server does not answer.
        """
        url = self._url()
        if url:
            _ask(url)
        unset = {ATOMIC_REQUESTS: "", ISOLATION: "", POOLER: ""}
        return {**os.environ, **unset, "DATABASE_URL": url, **self.settings}

    def _url(self) -> str:
        if not self.server:
            return ""
        given = os.environ.get("MARIADB_URL" if self.server == "mysql" else "DATABASE_URL", "")
        return given if given.startswith(self.server) else USUAL[self.server]


SQLITE = Stack("SQLite")
POSTGRES = Stack("PostgreSQL", "postgres")
ATOMIC = Stack("PostgreSQL, ATOMIC_REQUESTS", "postgres", {ATOMIC_REQUESTS: "1"})
REPEATABLE_READ = Stack("PostgreSQL, REPEATABLE READ", "postgres", {ISOLATION: "repeatable read"})
POOLED = Stack("PostgreSQL, PgBouncer", "postgres", is_pooled=True)
MARIADB = Stack("MariaDB", "mysql")
NEWEST = Stack("Django 6.1, Python 3.13", tox=NEWEST_ENV)


def _through_the_pooler() -> list[str]:
    try:
        pooler.installed()
    except pooler.NoPooler as missing:
        raise Missing(str(missing)) from None
    return [sys.executable, "-m", "tests.pooler"]


def _ask(url: str) -> None:
    # the database that the URL names need not exist: the tests make their own beside it
    try:
        if url.startswith("postgres"):
            psycopg.connect(url, dbname="postgres", connect_timeout=3).close()
            return
        where = dj_database_url.parse(url)
        pymysql.connect(
            host=where["HOST"],
            port=int(where["PORT"] or 3306),
            user=where["USER"],
            password=where["PASSWORD"],
            connect_timeout=3,
        ).close()
    except (psycopg.OperationalError, pymysql.err.OperationalError) as error:
        raise Missing(f"no answer: {str(error).splitlines()[0]}") from None
