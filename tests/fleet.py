"""A fleet for tests: the processes of a real site, each with a mirror that has loaded and has reported."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import ClientFactory, UserFactory
from tests.live import PROCESSES, LiveSite, site_running
from tokenauth.models import MirrorProcess

#: Seconds that processes get to report.
PATIENCE = 30


@pytest.fixture
def fleet(transactional_db: None, tmp_path: Path) -> Iterator[LiveSite]:
    """Four processes; all of them are in the registry."""
    user, client = UserFactory(), ClientFactory()
    with site_running(tmp_path) as site:
        bearer = site.log_in(user, client)["access_token"]
        with site.line_to_each_process() as lines:
            for line in lines.values():
                line.get("/auth/sessions/", bearer=bearer)
        until = time.monotonic() + PATIENCE
        while MirrorProcess.objects.live().count() < PROCESSES:
            assert time.monotonic() < until, "not every process reports"
            time.sleep(0.05)
        yield site


@contextlib.contextmanager
def stopped(process: MirrorProcess) -> Iterator[None]:
    """A process of this machine that does nothing for the length of a `with`."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)
