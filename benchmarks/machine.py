"""What a run was made on, and whether it says anything."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psycopg
import redis

ROOT = Path(__file__).resolve().parents[1]
#: Whose versions decide what is measured.
PACKAGES = (
    "django",
    "djangorestframework",
    "djangorestframework-simplejwt",
    "django-rest-knox",
    "django-oauth-toolkit",
    "cryptography",
    "pyjwt",
    "psycopg",
    "redis",
    "gunicorn",
    "uvicorn",
)
#: Processes that wait for each core, above which figures say more about the others.
_BUSY = 0.5


def described(database_url: str, redis_url: str, *, dirty: bool) -> dict[str, Any]:
    """Return processor, versions and commit."""
    installed = {found.name.lower(): found.version for found in distributions()}
    with psycopg.connect(database_url) as server:
        row = server.execute("SELECT current_setting('server_version')").fetchone()
        postgresql = "" if row is None else row[0].split()[0]
    return {
        "commit": commit() + (" and changes that were not committed" if dirty else ""),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": postgresql,
        "Redis": _redis_version(redis_url),
        "packages": {name: installed[name] for name in PACKAGES if name in installed},
    }


def is_busy() -> bool:
    """Whether others use the machine."""
    return os.getloadavg()[0] > _BUSY * (os.cpu_count() or 1)


def is_dirty() -> bool:
    """Whether the files differ from the commit that a result would name."""
    return bool(_git("status", "--porcelain"))


def commit() -> str:
    """Return the commit's short name."""
    return _git("rev-parse", "--short=12", "HEAD")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def _processor() -> str:
    with open("/proc/cpuinfo") as lines:  # noqa: PTH123 - a file of the kernel's
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _redis_version(url: str) -> str:
    with redis.Redis.from_url(url) as server:
        return str(server.info("server")["redis_version"])
