"""What the environment says about the example site: one function for each thing it may choose."""

import contextlib
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
    "feed",
)


def number(name: str, default: int) -> int:
    """A whole number from the environment; empty counts as absent."""
    return int(os.environ.get(name) or default)


def seconds(name: str, default: float) -> float:
    """A duration from the environment; empty counts as absent."""
    return float(os.environ.get(name) or default)


def var(base: Path) -> Path:
    """The folder for what the site makes; SITE_VAR moves it, so that two sites can run side by side."""
    return Path(os.environ.get("SITE_VAR") or base / "var")


def base_url() -> str:
    """Where the site is reached: loopback, on PORT."""
    return f"http://127.0.0.1:{number('PORT', 8000)}"


def orders_port() -> int:
    """Where the second service listens: the port after the site's, or ORDERS_PORT."""
    return number("ORDERS_PORT", number("PORT", 8000) + 1)


def orders_url() -> str:
    """Where the second service is reached."""
    return f"http://127.0.0.1:{orders_port()}"


def secret_key(path: Path) -> str:
    """The site's SECRET_KEY: made at the first start, kept in a file that only its owner can read."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}-{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        with contextlib.suppress(FileExistsError):  # another process was first: its key stands
            path.hardlink_to(draft)
        draft.unlink()
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


def window(grace: float) -> dict[str, Any]:
    """A policy's grace window; without one only an exact family can tell a retry from theft."""
    return {"grace": grace} if grace else {"grace": 0, "repeat": "exact"}


def limits() -> dict[str, Any]:
    """The app's limits: its defaults, or none at all with LIMITS=off (for load scripts)."""
    if os.environ.get("LIMITS", "").lower() != "off":
        return {}
    return {"LIMITS": dict.fromkeys(LIMITS), "HASHES_AT_ONCE": None}
