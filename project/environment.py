"""What the environment says about the example site: one function for each thing it may choose."""

import os
import secrets
from pathlib import Path
from typing import Any

import dj_database_url

LIMITS = (
    "login_account",
    "login_network",
    "login_failures",
    "refresh_network",
    "refresh_family",
    "introspect",
)


def number(name: str, default: int) -> int:
    """A whole number from the environment; empty counts as absent."""
    return int(os.environ.get(name) or default)


def base_url() -> str:
    """Where the site is reached: loopback, on PORT."""
    return f"http://127.0.0.1:{number('PORT', 8000)}"


def secret_key(path: Path) -> str:
    """The site's SECRET_KEY: made at the first start, kept in a file that only its owner can read."""
    path.parent.mkdir(exist_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(64))
    return path.read_text()


def database(path: Path) -> dict[str, Any]:
    """What DATABASE_URL names, on persistent connections; else SQLite, writers queueing from their start."""
    url = os.environ.get("DATABASE_URL", "")
    if url and not url.startswith("sqlite"):
        return {**dj_database_url.parse(url, conn_max_age=600), "CONN_HEALTH_CHECKS": True}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": dj_database_url.parse(url)["NAME"] if url else str(path),
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def cache() -> dict[str, Any]:
    """Redis where REDIS_URL is set; else each process's own memory."""
    url = os.environ.get("REDIS_URL", "")
    if url:
        return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url}
    return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


def redis() -> dict[str, Any]:
    """The app's Redis settings."""
    return {"REDIS_ALIAS": "default"} if os.environ.get("REDIS_URL") else {}


def limits() -> dict[str, Any]:
    """The app's limits: its defaults, or none at all with LIMITS=off (for load scripts)."""
    if os.environ.get("LIMITS", "").lower() != "off":
        return {}
    return {"LIMITS": dict.fromkeys(LIMITS), "HASHES_AT_ONCE": None}
