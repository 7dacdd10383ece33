"""Redis servers of a test's own, on spare ports: to be killed, emptied, stopped and lied with."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, RedisError

from project.processes import end_with_parent
from tests.live import spare_port

#: Seconds that a server gets to answer.
PATIENCE = 20


@dataclass
class Server:
    """One server; `start` and `kill` as often as a test likes, always empty and on the same port."""

    folder: Path
    options: tuple[str, ...] = ()
    password: str | None = None
    port: int = field(default_factory=spare_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        command += ["--requirepass", self.password] if self.password else []
        command += ["--dir", str(self.folder), "--loglevel", "warning", *self.options]
        self._process = _started(command)
        wait_for(lambda: self.client().ping(), "redis-server")

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def client(self) -> Any:
        return Redis(port=self.port, password=self.password, socket_timeout=5)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


@contextlib.contextmanager
def redis_running(folder: Path, *options: str, password: str | None = None) -> Iterator[Server]:
    """A server until the block is left; skips where there is none to run."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Server(folder, options, password)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def sentinel_running(folder: Path, master: Server) -> Iterator[int]:
    """The port of a sentinel that watches a server as `ours`."""
    port, file = spare_port(), folder / "sentinel.conf"
    file.write_text(
        f"port {port}\nsentinel monitor ours 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds ours 500\nsentinel failover-timeout ours 2000\n"
    )
    process = _started(["redis-server", str(file), "--sentinel"])
    try:
        wait_for(lambda: Redis(port=port).ping(), "the sentinel")
        yield port
    finally:
        process.kill()
        process.wait()


def wait_for(holds: Any, what: str) -> None:
    """Look again and again until something holds; an error of Redis counts as not yet."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(RedisError):
            if holds():
                return
        time.sleep(0.02)
    pytest.fail(f"in vain: {what}")


def _started(command: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent
    )


def cache(url: str, **options: Any) -> dict[str, Any]:
    """An entry of CACHES."""
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": options}
