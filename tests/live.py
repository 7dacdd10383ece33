"""A real site for tests: the example site on gunicorn, four processes, on the test's own database."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connection

from project.processes import end_with_parent
from tests.factories import PASSWORD
from tests.live_settings import PROCESS

PROCESSES = 4
THREADS = 4
#: Seconds that the site gets to answer its first request.
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process of the site said, and which one it was."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    process: int


@dataclass
class Line:
    """A connection that is kept open, and so always ends in the same process."""

    port: int
    _connection: http.client.HTTPConnection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def get(self, path: str, *, bearer: str = "") -> Answer:
        return self._answer("GET", path, None, {"Authorization": f"Bearer {bearer}"} if bearer else {})

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Content-Type"] = "application/x-www-form-urlencoded"
        return self._answer("POST", path, urlencode(form), named)

    def close(self) -> None:
        self._connection.close()

    def _answer(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        raw = response.read()
        is_json = "json" in response.headers.get("Content-Type", "")
        return Answer(
            status=response.status,
            body=json.loads(raw) if is_json else {},
            headers=dict(response.headers),
            process=int(response.headers.get(PROCESS, 0)),
        )


@dataclass(frozen=True, slots=True)
class LiveSite:
    """The site from outside. Each call is a connection of its own and may meet any process."""

    port: int

    def get(self, path: str, *, bearer: str = "") -> Answer:
        with contextlib.closing(Line(self.port)) as line:
            return line.get(path, bearer=bearer)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        with contextlib.closing(Line(self.port)) as line:
            return line.post(path, form, **headers)

    def log_in(self, user: Any, client: Any) -> dict[str, Any]:
        """Log a user of the factories in and return the body."""
        form = {"username": user.get_username(), "password": PASSWORD, "client_id": client.client_id}
        answer = self.post("/auth/login/", form)
        assert answer.status == 200, answer
        return answer.body

    def refresh(self, refresh_token: str, client: Any, *, key: str | None = None) -> Answer:
        """Refresh as a client does that takes 503 at its word: the same request again."""
        form = {"refresh_token": refresh_token, "client_id": client.client_id}
        headers = {} if key is None else {"Idempotency_Key": key}
        until = time.monotonic() + PATIENCE
        while (answer := self.post("/auth/token/refresh/", form, **headers)).status == 503:
            assert "Retry-After" in answer.headers
            assert time.monotonic() < until, answer
        return answer

    @contextlib.contextmanager
    def line_to_each_process(self) -> Iterator[dict[int, Line]]:
        """An open connection to every process of the site, by process id."""
        with contextlib.ExitStack() as lines:
            found: dict[int, Line] = {}
            until = time.monotonic() + PATIENCE
            while len(found) < PROCESSES:
                assert time.monotonic() < until, f"only {len(found)} processes answered"
                line = Line(self.port)
                process = line.get("/auth/jwks/").process
                if process in found:
                    line.close()
                else:
                    found[process] = lines.enter_context(contextlib.closing(line))
            yield found


@pytest.fixture
def live_site(transactional_db: None, tmp_path: Path) -> Iterator[LiveSite]:
    """The running site. Make users and clients before the first login: later ones are news that travels."""
    with site_running(tmp_path) as site:
        yield site


@contextlib.contextmanager
def site_running(folder: Path, **environment: str) -> Iterator[LiveSite]:
    """The site with other environment variables, for the length of a `with`."""
    site = LiveSite(spare_port())
    with running(gunicorn(site.port), {**site_environment(folder, site.port), **environment}) as master:
        _wait_until_it_answers(site, master)
        yield site


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process and its children for the length of a `with`: leaving it, however, leaves none behind."""
    master = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=end_with_parent)
    try:
        yield master
    finally:
        # nothing in it is worth a farewell: the database takes care of what was under way
        os.killpg(master.pid, signal.SIGKILL)
        master.wait()


def gunicorn(port: int) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "tests.live_wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(PROCESSES), "--threads", str(THREADS), "--preload"]
    return [*command, "--keep-alive", "60", "--log-level", "warning", "--no-control-socket"]


def site_environment(folder: Path, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.live_settings",
        "DATABASE_URL": _database_url(),
        "REDIS_URL": "",
        "CELERY_BROKER_URL": "",
        "SITE_VAR": str(folder),
        "PORT": str(port),
        "GRACE_SECONDS": "60",  # a busy machine stays inside the window
        "LIMITS": "off",
    }


def _database_url() -> str:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def spare_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(site: LiveSite, master: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while master.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError):
            if site.get("/auth/jwks/").status == 200:
                return
        time.sleep(0.05)
    pytest.fail("the site did not start: its own lines say why")
