"""Which database the tests run on: SQLite in a file, or what DATABASE_URL names."""

import atexit
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import dj_database_url

#: Child processes of a test run (a real site, a forked worker) inherit both, and so meet the same database.
FOLDER = "TOKENAUTH_TEST_FOLDER"
NAME = "TOKENAUTH_TEST_NAME"


def chosen() -> dict[str, Any]:
    """The `default` entry of DATABASES for this run, its TEST name private to this run."""
    url = os.environ.get("DATABASE_URL", "")
    return _server(url) if url else _file()


def is_pooled() -> bool:
    """Whether the URL leads through a transaction pooler (`tests.pooler`)."""
    return bool(os.environ.get("TEST_POOLER"))


def _file() -> dict[str, Any]:
    # a file and not memory: threads must meet in it as they do in production
    path = Path(_folder()) / "tests.sqlite3"
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


def _server(url: str) -> dict[str, Any]:
    # a test's rows need not survive the machine: commits that do not wait for the disk
    options = {"options": "-c synchronous_commit=off"}
    return {
        **dj_database_url.parse(url, conn_max_age=600, disable_server_side_cursors=is_pooled()),
        "OPTIONS": options,
        "TEST": {"NAME": _run_name()},
    }


def _folder() -> str:
    if FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="tokenauth-tests-")
        atexit.register(shutil.rmtree, os.environ[FOLDER], ignore_errors=True)
    return os.environ[FOLDER]


def _run_name() -> str:
    checkout = hashlib.sha256(str(Path(__file__).resolve()).encode()).hexdigest()[:8]
    return os.environ.setdefault(NAME, f"test_tokenauth_{checkout}_{os.getpid()}")
