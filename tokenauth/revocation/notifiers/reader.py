"""
Orders and their age for a service that has Redis and the plane key, and no database (PROTOCOL 3).

Pure: no Django. Orders come from the stream; how fresh they are comes from the beat, which a process that
asked the database left there. What Redis says of time is believed as far as it agrees with this machine's
clock; what it says of orders and beats, only with their MAC.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from tokenauth.revocation import clock
from tokenauth.revocation.mirror import Order
from tokenauth.revocation.notifiers import beat as beats
from tokenauth.revocation.notifiers import names, stream
from tokenauth.revocation.notifiers.beat import Beat

_MICROSECONDS: Final = 1_000_000


class State(StrEnum):
    """How a question went."""

    #: All orders up to the beat's number are known: `as_of` counts.
    CURRENT = "current"
    #: No beat that can be believed yet, or more than one question brings: ask again.
    WAITING = "waiting"
    #: Orders are missing for good, or the history is another: load the snapshot or the feed.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one question brought."""

    state: State
    #: Those that follow without a gap on the number asked above; apply them whatever the state.
    orders: tuple[Order, ...] = ()
    #: On the reader's clock, seconds: every order that was committed by then is known. None where nobody
    #: can tell; an earlier one stays true.
    as_of: float | None = None
    plane_id: UUID | None = None


class Reader:
    """Reads stream and beat of one namespace. Not for two threads at once."""

    def __init__(
        self,
        client: Any,
        keys: Sequence[bytes],
        *,
        namespace: str = names.DEFAULT,
        bound: float = 1.0,
        now: Callable[[], float] = clock.now,
    ) -> None:
        """
        Args:
            client: A `redis.Redis` that decodes nothing, with timeouts well below the bound.
            keys: The plane keys that verify, as `manage.py tokenauth_keys export-plane` prints them.
            bound: Seconds; the site's STALENESS_BOUND. Redis' clock may be set back by a quarter of it
                between two questions before its beats are distrusted.
            now: Seconds of a clock that counts suspend.
        """
        self._client = client
        self._keys = tuple(keys)
        self._stream, self._beat = names.stream(namespace), names.beat(namespace)
        self._bound = bound
        self._now = now
        #: The beat that is not believed: the first one of a clock that is not known yet.
        self._distrusted: Beat | None = None
        #: Redis' clock minus ours, at least; None before the first answer.
        self._ahead: float | None = None
        self._judged: tuple[Beat, float] | None = None

    def read(self, number: int, plane_id: UUID | None) -> Reading:
        """Return what follows on a number, and as of when that is all there is. One round trip.

        Args:
            number: The last order that is held; 0 before the first.
            plane_id: Of those that are held; None where nothing is.
        Raises:
            redis.RedisError: It does not answer; the reader's orders only grow older.
        """
        asked = self._now()
        seconds, fields, entries = self._ask(number)
        beat = beats.read(fields, self._keys)
        self._follow_clock(seconds, beat, asked)
        if beat is None:
            return Reading(State.WAITING, plane_id=plane_id)
        if plane_id is not None and beat.plane_id != plane_id:
            return Reading(State.LOST, plane_id=beat.plane_id)
        found = stream.unpacked(entries, beat.plane_id, self._keys)
        orders, are_all = stream.contiguous(found, after=number)
        if are_all and len(entries) == stream.PAGE:
            return Reading(State.WAITING, tuple(orders), plane_id=beat.plane_id)
        state, as_of = self._judge(beat, number + len(orders), seconds, asked)
        return Reading(state, tuple(orders), as_of, beat.plane_id)

    def _ask(self, number: int) -> tuple[float, dict[bytes, bytes], list[stream.Entry]]:
        # as one transaction: entries are of the same moment as the beat
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.time()
            pipeline.hgetall(self._beat)
            pipeline.xrange(self._stream, f"({number}-0", "+", stream.PAGE)
            (seconds, microseconds), fields, entries = pipeline.execute()
        return seconds + microseconds / _MICROSECONDS, fields, entries

    def _judge(self, beat: Beat, reached: int, seconds: float, asked: float) -> tuple[State, float | None]:
        if reached < beat.number:
            # whoever beats brings the stream up to it before: it was trimmed, emptied or forged
            return State.LOST, None
        if beat == self._distrusted or (age := seconds - beat.time / _MICROSECONDS) < 0:
            return State.WAITING, None
        as_of = asked - age
        if self._judged is not None and self._judged[0] == beat:
            # a beat never grows younger, whatever becomes of Redis' clock
            as_of = min(as_of, self._judged[1])
        self._judged = (beat, as_of)
        return State.CURRENT, as_of

    def _follow_clock(self, seconds: float, beat: Beat | None, asked: float) -> None:
        """Distrust a beat that another clock may have timed: a server that took over, or one set back."""
        at_most, at_least = seconds - asked, seconds - self._now()
        if self._ahead is None or at_most < self._ahead - self._bound / 4:
            self._distrusted = beat
        self._ahead = at_least
