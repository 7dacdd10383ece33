"""Processes of a run, and where they listen. It loads no app, as the tests' own live site does."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from project.processes import end_with_parent


def spare_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str], told: Mapping[str, str], log: Path, *, is_spoken_to: bool = False
) -> Iterator["subprocess.Popen[str]"]:
    """
    A process and its children for the length of a `with`: leaving it, however, leaves none behind.

    Args:
        told: Its environment.
        log: Where what it says is appended.
        is_spoken_to: Whether its standard input and output are ours.
    """
    pipe = subprocess.PIPE if is_spoken_to else None
    with log.open("a") as said:
        process = subprocess.Popen(
            command,
            env=dict(told),
            stdin=pipe,
            stdout=pipe or said,
            stderr=said,
            text=True,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
