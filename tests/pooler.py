"""
A transaction pooler for tests: `python -m tests.pooler COMMAND...` runs a command whose DATABASE_URL leads
through PgBouncer, which hands each transaction the server connection that has rested longest.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.databases import POOLER

USUAL = "postgres://postgres@127.0.0.1:5432/postgres"
#: Seconds that the pooler gets to listen.
PATIENCE = 20
#: Where there is none.
NOT_INSTALLED = 77


class NoPooler(Exception):
    """PgBouncer is not installed."""


def installed() -> str:
    """The path of PgBouncer.

    Raises:
        NoPooler: It is not installed.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise NoPooler("PgBouncer is not installed")
    return program


@contextlib.contextmanager
def pooled(url: str) -> Iterator[str]:
    """Put PgBouncer in front of a server; give the URL that leads through it.

    Raises:
        NoPooler: It is not installed.
    """
    program = installed()
    server, port = urlsplit(url), _spare_port()
    with tempfile.TemporaryDirectory(prefix="tokenauth-pooler-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        (path / "users.txt").write_text(f'"{server.username}" "{server.password or ""}"\n')
        (path / "pgbouncer.ini").write_text(_configuration(server.hostname, server.port or 5432, port, path))
        with subprocess.Popen([program, "-q", *_as_user(), path / "pgbouncer.ini"]) as process:
            try:
                _wait_for(port, process)
                account = server.netloc.rpartition("@")[0]
                yield server._replace(netloc=f"{account}@127.0.0.1:{port}").geturl()
            finally:
                process.kill()


def main() -> int:
    given = os.environ.get("DATABASE_URL", "")
    try:
        with pooled(given if given.startswith("postgres") else USUAL) as url:
            environment = {**os.environ, "DATABASE_URL": url, POOLER: "1"}
            return _run(sys.argv[1:], environment)
    except NoPooler as missing:
        print(f"{missing}: nothing was run through it.", file=sys.stderr)
        return NOT_INSTALLED


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run to the end; an interrupt reaches the command once, however it came, and it tidies up."""
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        signal.signal(signal.SIGINT, lambda number, frame: process.send_signal(number))
        return process.wait()


def _configuration(host: str | None, server_port: int, port: int, folder: Path) -> str:
    return f"""
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 8
server_round_robin = 1
max_client_conn = 400
ignore_startup_parameters = extra_float_digits,options
query_wait_timeout = 30
server_idle_timeout = 60
"""


def _as_user() -> list[str]:
    # it refuses to run as root
    return ["-u", "nobody"] if getpass.getuser() == "root" else []


def _spare_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("PgBouncer does not listen")


if __name__ == "__main__":
    sys.exit(main())
