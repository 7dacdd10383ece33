"""The processes of the example site: they start together and stop together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

#: Seconds that a process gets to end by itself.
GRACE = 10
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Command:
    """What a process runs, and its environment where that is not the parent's."""

    words: Sequence[str]
    environment: Mapping[str, str] | None = field(default=None, repr=False)


class Processes:
    """Child processes for the length of a `with`: leaving it, however, leaves none of them behind."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self._commands = commands
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for command in self._commands:
            # a session of their own: a terminal's Ctrl-C reaches them once, through us
            self._running.append(
                subprocess.Popen(  # noqa: S603
                    command.words,
                    env=command.environment,
                    start_new_session=True,
                    preexec_fn=end_with_parent,
                )
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def all_run(self) -> bool:
        return all(process.poll() is None for process in self._running)

    def wait(self) -> None:
        """Return when the first of them has ended."""
        while self.all_run():
            time.sleep(0.2)


def end_with_parent() -> None:
    """Ask Linux for a SIGTERM when the parent dies, even by SIGKILL: no orphan keeps the port."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
