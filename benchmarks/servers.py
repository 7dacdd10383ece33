"""Sites behind servers, on ports of their own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.environment import ROOT
from project.processes import end_with_parent

#: By name: what is started, without its port.
SERVERS = {
    "gunicorn sync": ("gunicorn", "benchmarks.sites.server:wsgi", "--workers=1", "--worker-class=sync"),
    "gunicorn gthread": ("gunicorn", "benchmarks.sites.server:wsgi", "--workers=1", "--threads=8"),
    "uvicorn": ("uvicorn", "benchmarks.sites.server:asgi", "--log-level=critical"),
}
_PATIENCE, _GRACE = 60, 10


class NoServerError(Exception):
    """It did not start."""


@contextmanager
def running(server: str, site: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Serve a site; its base URL."""
    port = _free_port()
    module, *rest = SERVERS[server]
    command = [sys.executable, "-m", module, *rest]
    command += [f"--bind=127.0.0.1:{port}"] if module == "gunicorn" else [f"--port={port}"]
    if module == "gunicorn":
        command += ["--log-level=critical", "--no-control-socket"]
    settings = f"benchmarks.sites.{site}.settings"
    own = {**os.environ, **environ, "DJANGO_SETTINGS_MODULE": settings}
    if module == "uvicorn":
        own["ASGI"] = "yes"
    process = subprocess.Popen(command, cwd=ROOT, env=own, preexec_fn=end_with_parent)  # noqa: S603
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise NoServerError("the server did not start: its own lines above say why")
