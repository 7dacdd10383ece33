"""The thread beside a mirror that hears of orders before the mirror's next poll."""

import logging
import threading
from typing import Final

from django.db import connections

from tokenauth.observability import log
from tokenauth.revocation.notifiers.notifier import Following
from tokenauth.revocation.notifiers.postgresql import Deaf
from tokenauth.revocation.notifiers.publishing import chosen
from tokenauth.revocation.process import MIRROR

#: Seconds between two tries: the first, the slowest, and the slowest where listening is in vain.
_SOON: Final = 0.05
_LATER: Final = 1.0
_IN_VAIN: Final = 60.0


def listen(stop: threading.Event) -> None:
    """Follow the site's notifier until told to stop, whatever becomes of it; a thread beside the mirror's."""
    _Listener(stop, MIRROR).run()


class _Listener:
    def __init__(self, stop: threading.Event, mirror: Following) -> None:
        self._stop = stop
        self._mirror = mirror
        self._failed = 0

    def run(self) -> None:
        while not self._stop.is_set() and (notifier := chosen()) is not None:
            slowest = _LATER
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
        self._failed = 0
        # what was told meanwhile is known to the database alone
        self._mirror.wake()

    def _lost(self, failure: Exception) -> None:
        self._failed += 1
        # once: a starved process loses a connection that is there again at once
        if self._failed == 2:
            log.note("notifier_not_heard", level=logging.WARNING, error=type(failure).__name__)
