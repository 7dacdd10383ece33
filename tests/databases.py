"""
Which database the tests run on: SQLite in a file, or what DATABASE_URL names.

TEST_ISOLATION is a level of PostgreSQL's or MariaDB's ("repeatable read"), TEST_ATOMIC_REQUESTS=1 puts
each request into a transaction. Processes that a test starts inherit all of it: a site of their own takes
it over by `as_the_stack_has_it`.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import dj_database_url
import pymysql
from django.db.backends.postgresql.creation import DatabaseCreation
from psycopg import IsolationLevel

#: Child processes of a test run (a real site, a forked worker) inherit both, and so meet the same database.
FOLDER = "TOKENAUTH_TEST_FOLDER"
NAME = "TOKENAUTH_TEST_NAME"
ISOLATION = "TEST_ISOLATION"
ATOMIC_REQUESTS = "TEST_ATOMIC_REQUESTS"
POOLER = "TEST_POOLER"

# a driver that needs no compiler stands in for the one that Django asks for
pymysql.install_as_MySQLdb()


def chosen(alias: str = "default") -> dict[str, Any]:
    """An entry of DATABASES for this run, its TEST name private to this run.

    Args:
        alias: What the entry is for; each is a database of its own.
    """
    url = os.environ.get("DATABASE_URL", "")
    return as_the_stack_has_it(_server(url, alias) if url else _file(alias))


def is_pooled() -> bool:
    """Whether the URL leads through a transaction pooler (`tests.pooler`)."""
    return bool(os.environ.get(POOLER))


def drop_whoever_is_connected() -> None:
    """Have the tests' database dropped although a pooler keeps connections to it."""

    def drop(self: Any, name: str, verbosity: int) -> None:
        with self._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {self.connection.ops.quote_name(name)} WITH (FORCE)")

    creation: Any = DatabaseCreation
    creation._destroy_test_db = drop


def as_the_stack_has_it(entry: dict[str, Any]) -> dict[str, Any]:
    """The same entry with the transactions that the environment asks for."""
    level = os.environ.get(ISOLATION, "")
    engine = entry["ENGINE"].rpartition(".")[2]
    options = dict(entry.get("OPTIONS", {}))
    if level and engine == "postgresql":
        options["isolation_level"] = IsolationLevel[level.upper().replace(" ", "_")]
    if level and engine == "mysql":
        options["isolation_level"] = level
    atomic = os.environ.get(ATOMIC_REQUESTS, "") not in ("", "0")
    return {**entry, "OPTIONS": options, "ATOMIC_REQUESTS": atomic}


def _file(alias: str) -> dict[str, Any]:
    # a file and not memory: threads must meet in it as they do in production
    path = Path(_folder()) / ("tests.sqlite3" if alias == "default" else f"tests_{alias}.sqlite3")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        "TEST": {"NAME": str(path)},
    }


def _server(url: str, alias: str) -> dict[str, Any]:
    entry = dict(dj_database_url.parse(url, conn_max_age=600, disable_server_side_cursors=is_pooled()))
    if entry["ENGINE"].endswith("postgresql"):
        # a test's rows need not survive the machine: commits that do not wait for the disk
        entry["OPTIONS"] = {"options": "-c synchronous_commit=off"}
    # aliases of one name would be taken for one database
    entry["NAME"] = entry["NAME"] if alias == "default" else f"{entry['NAME']}_{alias}"
    return {**entry, "TEST": {"NAME": _run_name() if alias == "default" else f"{_run_name()}_{alias}"}}


def _folder() -> str:
    if FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="tokenauth-tests-")
        atexit.register(shutil.rmtree, os.environ[FOLDER], ignore_errors=True)
    return os.environ[FOLDER]


def _run_name() -> str:
    checkout = hashlib.sha256(str(Path(__file__).resolve()).encode()).hexdigest()[:8]
    return os.environ.setdefault(NAME, f"test_tokenauth_{checkout}_{os.getpid()}")
