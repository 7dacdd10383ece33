"""Servers of a run's own: a PostgreSQL cluster with its replicas, and a Redis, each on a spare port."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from project.processes import end_with_parent
from tests.faults.processes import spare_port

#: Seconds that a server gets to answer.
PATIENCE = 60
_USER = "postgres"


class Absent(Exception):
    """A program that a run needs is not on this machine."""


def binaries() -> Path:
    """The folder of the newest PostgreSQL's programs.

    Raises:
        Absent: There is none, or root has no user to run it as.
    """
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(_USER)
        except KeyError:
            raise Absent("PostgreSQL does not run as root, and there is no user postgres") from None
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    named = shutil.which("initdb")
    if not found and named is None:
        raise Absent("initdb is not on this machine")
    return found[-1].parent if found else Path(str(named)).resolve().parent


def redis_program() -> str:
    """The path of redis-server.

    Raises:
        Absent: There is none.
    """
    found = shutil.which("redis-server")
    if found is None:
        raise Absent("redis-server is not on this machine")
    return found


def _version(path: Path) -> float:
    name = path.parts[-3]
    return float(name) if name.replace(".", "", 1).isdigit() else 0


class Postgres:
    """One PostgreSQL server. Commits are on disk's cache before they are answered: SIGKILL loses none."""

    def __init__(self, folder: Path) -> None:
        self._bin, self._data, self._folder = binaries(), folder / "data", folder
        self.port = spare_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, _USER, _USER)

    @classmethod
    def made(cls, folder: Path) -> "Postgres":
        """A new cluster, started."""
        server = cls(folder)
        made = ["-D", str(server._data), "-U", _USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        server._call("initdb", *made)
        server.start()
        return server

    @classmethod
    def following(cls, primary_port: int, folder: Path) -> "Postgres":
        """A streaming replica of the server behind a port, started."""
        server = cls(folder)
        source = ["-h", "127.0.0.1", "-p", str(primary_port), "-U", _USER]
        server._call(
            "pg_basebackup", *source, "-D", str(server._data), "-R", "-X", "stream", "-c", "fast", "--no-sync"
        )
        server.start()
        return server

    def start(self) -> None:
        """Start and wait until it answers; after a kill its children may take a moment to go."""
        until = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                self._process = self._started()
            if time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not start: {self._folder / 'log'} says why")
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL, as a host that dies; its own processes notice and go."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """SIGSTOP all of its processes: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def promote(self) -> None:
        """Make a replica the primary, with what it has received so far."""
        self.query("SELECT pg_promote(true, 60)")

    def connect(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        return psycopg.connect(
            f"host=127.0.0.1 port={self.port} user={_USER} dbname={database} connect_timeout=2",
            autocommit=True,
        )

    def query(self, statement: str, database: str = "postgres") -> list[Any]:
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        try:
            self.query("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _started(self) -> "subprocess.Popen[bytes]":
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",  # the machine does not die, only its processes
            "shared_buffers": "32MB",
            "max_connections": "150",
            "restart_after_crash": "on",
            "autovacuum": "off",
        }
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-p", str(self.port), *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                preexec_fn=end_with_parent,
                **_as_postgres(),
            )

    def _signal(self, number: int) -> None:
        # each of its processes leads a session of its own
        assert self._process is not None
        for pid in [*_children(self._process.pid), self._process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _call(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, check=False, **_as_postgres()
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")


class Redis:
    """A Redis server that keeps nothing: restarted, it is empty."""

    def __init__(self, folder: Path) -> None:
        self._program = redis_program()
        self._folder = folder
        folder.mkdir()
        self.port = spare_port()
        self.start()

    def start(self) -> None:
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


def _as_postgres() -> dict[str, Any]:
    return {"user": _USER, "group": _USER, "extra_groups": []} if os.geteuid() == 0 else {}


def _children(parent: int) -> Sequence[int]:
    path = Path(f"/proc/{parent}/task/{parent}/children")
    try:
        return [int(pid) for pid in path.read_text().split()]
    except OSError:
        return []
