"""
The beat for services without a database, and a stream without gaps: a thread beside a mirror's.

One process of the site is enough; whoever finds a recent beat leaves it at that.
"""

import logging
import random
import threading
from typing import Any, Final

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth import conf
from tokenauth.observability import log
from tokenauth.revocation import numbering, own_connection, source
from tokenauth.revocation.mirror import Answer
from tokenauth.revocation.notifiers import alias, mending, names, plane_keys, stream
from tokenauth.revocation.notifiers import beat as beats
from tokenauth.revocation.notifiers.beat import Beat
from tokenauth.revocation.notifiers.publishing import publish
from tokenauth.tokens.keyring import database

#: Questions within one turn, while others number.
_TRIES: Final = 3
_MICROSECONDS: Final = 1_000_000


def keep_beating(stop: threading.Event) -> None:
    """Take a turn each quarter of the bound until told to stop; ends at once where there is no Redis."""
    heart = Heart()
    try:
        while not stop.is_set() and (used := alias.usable()) and conf.current().MIRROR != "each-check":
            heart.turn(used)
            # not all at once: who comes first spares the others theirs
            stop.wait(conf.current().STALENESS_BOUND / 4 * random.uniform(0.75, 1))  # noqa: S311 - no secret
    finally:
        heart.rest()


class Heart:
    """Beats, and the connection to the database that it takes."""

    def __init__(self) -> None:
        self._own: BaseDatabaseWrapper | None = None
        self._failed = False

    def turn(self, used: str) -> bool:
        """Beat unless another has just done it; raises nothing. Whether it did."""
        try:
            beaten = _Turn(used, self._connection()).taken()
        except Exception as failure:
            self.rest()
            # once: the next one may find both again
            if not self._failed:
                log.note("beat_failed", level=logging.WARNING, error=type(failure).__name__)
            self._failed = True
            return False
        finally:
            connections.close_all()
        self._failed = False
        return beaten

    def rest(self) -> None:
        """Keep no connection."""
        own, self._own = self._own, None
        if own is not None:
            try:
                own.close()
            except Error:
                log.note("connection_not_closed", level=logging.DEBUG)

    def _connection(self) -> BaseDatabaseWrapper:
        if self._own is None:
            self._own = own_connection.opened(database(), patience=conf.current().STALENESS_BOUND / 4)
        return self._own


class _Turn:
    """One look at Redis, one at the database, and what follows."""

    def __init__(self, used: str, connection: BaseDatabaseWrapper) -> None:
        namespace = alias.namespace(used)
        self._client: Any = alias.CLIENTS.patient(used)
        self._beat, self._stream = names.beat(namespace), names.stream(namespace)
        self._connection = connection
        self._keys = plane_keys.verifying()
        self._bound = conf.current().STALENESS_BOUND

    def taken(self) -> bool:
        # Redis' time before the database is asked: whatever comes between makes the beat older, never younger
        now, held, last, is_foreign = self._look()
        if held is not None and 0 <= now - held.time < self._bound / 8 * _MICROSECONDS:
            return False
        answer = self._settled(mending.above(last))
        if answer is None:
            return False
        mending.mend(self._client, self._stream, answer, last, self._keys)
        return self._written(Beat(now, answer.n, answer.plane_id), is_foreign)

    def _look(self) -> tuple[int, Beat | None, stream.Entry | None, bool]:
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hgetall(self._beat)
            pipeline.xrevrange(self._stream, count=1)
            (seconds, microseconds), fields, last = pipeline.execute()
        held = beats.read(fields, self._keys)
        now = seconds * _MICROSECONDS + microseconds
        return now, held, last[0] if last else None, bool(fields) and held is None

    def _settled(self, after: int) -> Answer | None:
        """Return the plane at a moment at which every committed order had its number; None: ask later."""
        for _ in range(_TRIES):
            answer = source.ask(self._connection, after=after)
            if answer is None or not answer.unnumbered:
                return answer
            publish(numbering.number_visible(self._connection), answer.plane_id)
        return None

    def _written(self, beat: Beat, is_foreign: bool) -> bool:
        furthest = int(self._bound / 4 * _MICROSECONDS)
        facts = (beat.time, furthest, beat.number, beat.plane_id.bytes, beat.mac(self._keys[0]))
        return bool(self._client.eval(beats.WRITE, 1, self._beat, *facts, int(is_foreign)))
