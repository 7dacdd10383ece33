"""A real Celery worker for tests: the example site's, on the test's own database and a queue of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from celery import Celery

from tests.live import running, site_environment

#: Seconds that a worker gets for anything.
PATIENCE = 60

BROKERS = {
    "rabbitmq": os.environ.get("TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//"),
    "redis": os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9"),
}


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's process, and how a site sends it tasks."""

    process: "subprocess.Popen[bytes]"
    sender: Celery
    queue: str

    def send(self, name: str) -> None:
        """Send a task and do not wait for it."""
        self.sender.send_task(f"tokenauth.{name}", queue=self.queue)

    def kill(self) -> None:
        """End the worker and its children as the kernel does when memory is short."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def worker_running(broker: str, folder: Path, *, at_once: int = 2, **environment: str) -> Iterator[Worker]:
    """A worker that reads a queue of its own until the block is left; skips where no broker answers."""
    url, queue = BROKERS[broker], f"tokenauth-test-{uuid.uuid4().hex[:8]}"
    sender = Celery(broker=url, set_as_current=False)
    sender.conf.broker_transport_options = {"socket_timeout": 5, "socket_connect_timeout": 5}
    _skip_where_silent(sender, broker)
    command = [sys.executable, "-m", "celery", "-A", "project.celery", "worker", "--loglevel", "warning"]
    command += ["--concurrency", str(at_once), "--queues", queue, "--without-gossip", "--without-mingle"]
    given = {**site_environment(folder, 0), "CELERY_BROKER_URL": url, **environment}
    try:
        with running(command, given) as process:
            yield Worker(process, sender, queue)
    finally:
        _forget(sender, queue)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Look again and again until something holds that a process elsewhere brings about."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, f"in vain: {what}"
        time.sleep(0.05)


def _skip_where_silent(sender: Celery, broker: str) -> None:
    try:
        with sender.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
    except Exception as failure:  # each transport has errors of its own
        pytest.skip(f"no {broker} answers: {type(failure).__name__}")


def _forget(sender: Celery, queue: str) -> None:
    with sender.connection_for_write() as connection, connection.channel() as channel:
        channel.queue_delete(queue)
