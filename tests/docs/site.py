"""A fresh site that the code blocks of a page are applied to, with real processes."""

import contextlib
import doctest
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from project.processes import end_with_parent
from tests.docs.pages import ROOT, Block

#: Seconds that a site gets to answer.
PATIENCE = 90
#: Seconds that a command gets: one of them installs packages.
_COMMAND = 300
#: What pages say where a site answers; tests take a port that is free.
USUAL = "127.0.0.1:8000"
_OUTPUT = doctest.OutputChecker()
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass
class Site:
    """A folder with a Django project, and the Python whose packages it sees."""

    folder: Path
    python: Path = Path(sys.executable)
    #: What a page names and a test has elsewhere.
    instead: dict[str, str] = field(default_factory=dict)
    #: The package of settings.py and urls.py; empty until there is one.
    package: str = ""

    def __post_init__(self) -> None:
        self.port = _spare_port()
        self.instead[USUAL] = f"127.0.0.1:{self.port}"
        self.instead["--port 8000"] = f"--port {self.port}"

    def start_project(self, name: str) -> None:
        """Make the project that `django-admin startproject` makes, in the folder itself."""
        self.run([self.python, "-m", "django", "startproject", name, "."])
        self.package = name

    def apply(self, block: Block) -> None:
        """Do with a block what its mark says; a server has `serving`."""
        {"append": self._append, "write": self._write, "console": self._console, "shell": self._shell}[
            block.deed
        ](block)

    @contextlib.contextmanager
    def running(self, command: str) -> Iterator[None]:
        """Keep a process beside the site until the block is left."""
        beside = self._started(command)
        try:
            yield
        finally:
            os.killpg(beside.pid, signal.SIGKILL)
            beside.wait()

    @contextlib.contextmanager
    def serving(self, command: str = "") -> Iterator[None]:
        """Keep a server in front of the site until the block is left."""
        words = command.strip() or "python manage.py runserver"
        if words.endswith("runserver"):
            words += f" --noreload {USUAL}"
        server = self._started(words)
        try:
            self._wait_for(server)
            yield
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Send JSON over HTTP; return the status and what was answered."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(line):
            line.request(
                method, path, json.dumps(body or {}), {"Content-Type": "application/json", **headers}
            )
            answer = line.getresponse()
            raw = answer.read()
        return answer.status, json.loads(raw) if raw else {}

    def run(self, command: str | Sequence[str | Path], **more: Any) -> str:
        """Run a command in the folder and return what it wrote; a command that fails fails the test."""
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            executable="/bin/bash" if isinstance(command, str) else None,
            cwd=self.folder,
            env=self.environment(),
            timeout=_COMMAND,
            capture_output=True,
            text=True,
            check=False,
            **more,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def environment(self) -> dict[str, str]:
        """The environment without what belongs to these tests; `python` is this site's."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "DATABASE_", "REDIS_", "CELERY_"))
            and name not in {"PYTHONPATH", "SITE_VAR", "PORT"}
        }
        if self.python == Path(sys.executable):
            kept["PYTHONPATH"] = str(ROOT)  # the app of this checkout, wherever the tests' own lies
        # the shell of a page: no bytecode beside its sources, which a test writes within one second
        kept["PYTHONDONTWRITEBYTECODE"] = "1"
        return {**kept, "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"}

    def _started(self, command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._ours(command),
            shell=True,
            cwd=self.folder,
            env=self.environment(),
            start_new_session=True,
            preexec_fn=end_with_parent,
        )

    def _append(self, block: Block) -> None:
        with self._file(block.target).open("a") as file:
            file.write(f"\n{self._ours(block.code)}")

    def _write(self, block: Block) -> None:
        path = self._file(block.target)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._ours(block.code))

    def _shell(self, block: Block) -> None:
        self.run([self.python, "manage.py", "shell", "--command", self._ours(block.code)])

    def _console(self, block: Block) -> None:
        """Run each line after a `$` and hold the output to the lines below it, as doctest does."""
        for command, expected in commands(block):
            got = self.run(self._ours(command))
            if expected:
                assert _OUTPUT.check_output(self._ours(expected), got, _OPTIONS), f"{command}\n{got}"

    def _file(self, target: str) -> Path:
        return self.folder / (target if "/" in target or not self.package else f"{self.package}/{target}")

    def _ours(self, text: str) -> str:
        for theirs, ours in self.instead.items():
            text = text.replace(theirs, ours)
        return text

    def _wait_for(self, server: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.1)
        pytest.fail("the site did not start: its own lines say why")


def commands(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that is shown below it."""
    found: list[tuple[str, str]] = []
    for line in block.code.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif found[-1][0].endswith("\\\n"):
            found[-1] = (found[-1][0] + line, "")
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def _spare_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
