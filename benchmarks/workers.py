"""The harness's side of a site's process: it does there what it is told here, one site after another."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from multiprocessing import Pipe
from types import TracebackType
from typing import Any, Self

from benchmarks.environment import ROOT

#: Seconds that a process gets to end by itself.
_GRACE = 10
_CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT", "SET ", "PREPARE ")


class WorkerFailedError(Exception):
    """A site could not do what it was told; the message is its own traceback."""


class Worker:
    """A process of a site."""

    def __init__(self, site: str, environ: Mapping[str, str]) -> None:
        self.site = site
        self._handles = count()
        self._pipe, theirs = Pipe()
        command = [sys.executable, "-m", "benchmarks.sites.worker", site, str(theirs.fileno())]
        self._process = subprocess.Popen(  # noqa: S603
            command, env={**os.environ, **environ}, cwd=ROOT, pass_fds=[theirs.fileno()]
        )
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()  # which it sees
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(self, method: str, *arguments: Any) -> Any:
        """Tell it something, and wait for the answer.

        Raises:
            WorkerFailedError: It failed, or died.
        """
        self.begin(method, *arguments)
        return self.end()

    def begin(self, method: str, *arguments: Any) -> None:
        """Tell it something; `end` waits for the answer, so that others can work meanwhile."""
        self._pipe.send((method, arguments))

    def end(self) -> Any:
        """Wait for the answer to what was begun."""
        try:
            succeeded, answer = self._pipe.recv()
        except EOFError:
            raise WorkerFailedError(f"the process of {self.site} died") from None
        if not succeeded:
            raise WorkerFailedError(f"{self.site}: {answer}")
        return answer

    def has_answered(self) -> bool:
        """Whether `end` would return at once."""
        return self._pipe.poll()

    def deed(self, name: str, **how: Any) -> "Deed":
        """Have a deed made there."""
        handle = f"{name}-{next(self._handles)}"
        self.call("make", handle, name, how)
        return Deed(self, handle)


@dataclass
class Deed:
    """A deed in a worker."""

    worker: Worker
    handle: str
    #: How often it is done for one sample.
    times: int = 1

    def calibrate(self, seconds: float) -> Self:
        """Warm it up, and let a sample take so long."""
        self.times = self.worker.call("times_for", self.handle, seconds)
        return self

    def seconds(self) -> float:
        """A sample: what doing it takes."""
        return float(self.worker.call("seconds_each", self.handle, self.times))

    def processor_seconds(self) -> float:
        """The same in processor time, for what waits for nothing."""
        return float(self.worker.call("processor_seconds_each", self.handle, self.times))

    def do(self) -> Any:
        """Do it once; what it returns."""
        return self.worker.call("do", self.handle)

    def statements(self) -> int:
        """How many SQL statements it sends; transaction control is none."""
        return sum(not each.startswith(_CONTROL) for each in self._sent())

    def statements_before_commit(self) -> int:
        """How many it sends before its first commit."""
        return sum(not each.startswith(_CONTROL) for each in takewhile(_is_no_commit, self._sent()))

    def _sent(self) -> list[str]:
        return list(self.worker.call("statements", self.handle))

    def wal(self, times: int = 1) -> float:
        return float(self.worker.call("wal", self.handle, times))

    def forget(self) -> None:
        self.worker.call("forget", self.handle)


def _is_no_commit(statement: str) -> bool:
    return not statement.startswith("COMMIT")
