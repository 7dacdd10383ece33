"""Sites of a run: one of each kind, on a spare port, all that they ask goes through the proxy."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.faults import skew
from tests.faults.processes import running, spare_port

WORKERS = 4
#: Seconds that a site gets to answer its first request.
PATIENCE = 90


class Kind(StrEnum):
    """How a site is served."""

    SYNC = "gunicorn sync"
    PRELOAD = "gunicorn gthread, preload"
    UVICORN = "uvicorn"


@dataclass(frozen=True, slots=True)
class Site:
    """A site that runs."""

    kind: Kind
    port: int
    master: int
    offsets: skew.Offsets

    def workers(self) -> list[int]:
        """Process ids of those that answer requests now."""
        if self.kind is Kind.UVICORN:
            return [self.master]
        children = Path(f"/proc/{self.master}/task/{self.master}/children")
        with contextlib.suppress(OSError):
            return sorted(int(pid) for pid in children.read_text().split())
        return []

    def signal(self, pids: Sequence[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def environment(folder: Path, database_port: int, redis_port: int) -> dict[str, str]:
    """What a process of this run's site is told."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
        "DATABASE_URL": f"postgres://postgres@127.0.0.1:{database_port}/faults",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "CELERY_BROKER_URL": "",
        "SITE_VAR": str(folder),
        "GRACE_SECONDS": "10",
        "LIMITS": "off",
    }


@contextlib.contextmanager
def started(kind: Kind, folder: Path, told: Mapping[str, str]) -> Iterator[Site]:
    """A site for the length of a `with`; what it says goes to a file of the folder."""
    port, name = spare_port(), kind.name.lower()
    shared = folder / f"{name}.clocks"
    offsets = skew.Offsets(shared)
    command = {**told, skew.FILE: str(shared), "PORT": str(port)}
    with running(_command(kind, port), command, folder / f"{name}.log") as master:
        _wait_until_it_answers(port, master)
        yield Site(kind, port, master.pid, offsets)


def _command(kind: Kind, port: int) -> list[str]:
    if kind is Kind.UVICORN:
        return [
            *(sys.executable, "-m", "uvicorn", "tests.faults.asgi:application", "--port", str(port)),
            *("--log-level", "warning", "--no-access-log"),
        ]
    command = [sys.executable, "-m", "gunicorn", "tests.faults.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(WORKERS), "--log-level", "warning", "--no-control-socket"]
    return [*command, "--threads", "4", "--preload"] if kind is Kind.PRELOAD else command


def _wait_until_it_answers(port: int, master: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + PATIENCE
    while master.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/auth/jwks/", timeout=5).close()
            return
        time.sleep(0.1)
    raise RuntimeError("the site did not start: its log says why")
