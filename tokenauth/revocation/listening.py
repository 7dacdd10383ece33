"""The thread beside a mirror that hears of orders before the mirror's next poll."""

import logging
import threading
from typing import Final

from django.db import connections

from tokenauth.observability import log
from tokenauth.revocation.notifiers.postgresql import Deaf
from tokenauth.revocation.notifiers.publishing import chosen
from tokenauth.revocation.process import MIRROR, ProcessMirror

#: What an operator reads where the polls alone bring orders.
_NONE: Final = "polling"
#: Seconds between two tries: the first, the slowest, and the slowest where listening is in vain.
_SOON: Final = 0.05
_LATER: Final = 1.0
_IN_VAIN: Final = 60.0


def listen(stop: threading.Event) -> None:
    """Follow the site's notifier until told to stop, whatever becomes of it; a thread beside the mirror's."""
    try:
        _Listener(stop, MIRROR).run()
    finally:
        MIRROR.notifier = _NONE


class _Listener:
    def __init__(self, stop: threading.Event, mirror: ProcessMirror) -> None:
        self._stop = stop
        self._mirror = mirror
        self._failed = 0
        self._name = _NONE

    def run(self) -> None:
        while not self._stop.is_set() and (notifier := chosen()) is not None:
            slowest, self._name = _LATER, notifier.name
            try:
                notifier.follow(self._stop, self._mirror, self._connected)
            except Exception as failure:
                slowest = _IN_VAIN if isinstance(failure, Deaf) else _LATER
                self._lost(failure)
            finally:
                connections.close_all()
            self._stop.wait(min(_SOON * 2 ** min(self._failed, 16), slowest))

    def _connected(self) -> None:
        if self._failed > 1:
            log.note("notifier_heard_again")
        self._failed, self._mirror.notifier = 0, self._name
        # what was told meanwhile is known to the database alone
        self._mirror.wake()

    def _lost(self, failure: Exception) -> None:
        self._failed, self._mirror.notifier = self._failed + 1, _NONE
        # once: a starved process loses a connection that is there again at once
        if self._failed == 2:
            log.note("notifier_not_heard", level=logging.WARNING, error=type(failure).__name__)
