"""Leaving alone what does not answer: one wait and one log line an outage."""

import logging
import threading
import time
from typing import Final

from tokenauth.observability import log

#: Seconds for which nobody tries again.
PAUSE: Final = 5.0


class Breaker:
    """Open after a failure. Whoever finds it open goes on without: the poll keeps the promise."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.after_fork()

    def after_fork(self) -> None:
        """Know nothing: the parent's lock may have been held."""
        self._changing = threading.Lock()
        self._until = 0.0
        self._is_down = False

    def is_open(self) -> bool:
        return time.monotonic() < self._until

    def failed(self, failure: BaseException) -> None:
        """Leave it alone for a while; the first to say so writes it down."""
        self._until = time.monotonic() + PAUSE
        if self._changed(True):
            log.note(f"{self._name}_unreachable", level=logging.WARNING, error=type(failure).__name__)

    def succeeded(self) -> None:
        """Say that it answers again, where it did not."""
        self._until = 0.0
        if self._is_down and self._changed(False):
            log.note(f"{self._name}_back")

    def _changed(self, is_down: bool) -> bool:
        with self._changing:
            changed, self._is_down = self._is_down != is_down, is_down
        return changed
