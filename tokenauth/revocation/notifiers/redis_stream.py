"""The stream in Redis that carries numbered orders from whoever numbers to every mirror."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connections

from tokenauth import conf
from tokenauth.revocation import source
from tokenauth.revocation.mirror import Order
from tokenauth.revocation.notifiers import alias, names, plane_keys, stream
from tokenauth.revocation.notifiers.notifier import Following
from tokenauth.tokens.keyring import database

#: Milliseconds that a question waits for news: less than the client waits for the answer.
BLOCK: Final = 150
#: Seconds until a question is asked again that changed nothing: somebody else's turn, or forged entries.
_AGAIN: Final = 0.005
#: Seconds between two looks at a mirror that is not loaded yet.
_NOT_LOADED: Final = 0.05


class RedisStream:
    """Everybody reads one stream from where his mirror stands."""

    name = "redis"

    def __init__(self, name: str) -> None:
        self._alias = name
        self._stream = names.stream(alias.namespace(name))

    def publish(self, orders: Sequence[Order], *, plane_id: UUID, key: bytes) -> None:
        client, until = alias.CLIENTS.hurried(self._alias), time.monotonic() + alias.PATIENCE
        for at in range(0, len(orders), stream.PAGE):
            if time.monotonic() > until:
                return  # what is left is `propagate_orders`'
            self._add(client, orders[at : at + stream.PAGE], plane_id, key)

    def follow(self, stop: threading.Event, mirror: Following, connected: Callable[[], None]) -> None:
        client, pause = alias.CLIENTS.patient(self._alias), _AGAIN
        client.ping()
        connected()
        while not stop.is_set():
            at = mirror.position()
            if at is None:
                stop.wait(_NOT_LOADED)
            elif not (entries := self._entries_after(client, at[1])):
                pause = _AGAIN
            else:
                _hand_on(entries, at, mirror)
                if mirror.position() == at:
                    # the poll that it was sent to is under way, or the database knows nothing of them
                    stop.wait(pause)
                    pause = min(pause * 2, conf.current().STALENESS_BOUND / 4)
                else:
                    pause = _AGAIN

    def _entries_after(self, client: Any, number: int) -> list[stream.Entry]:
        # always from where the mirror stands: whatever became of the stream meanwhile, nothing is passed over
        found = client.xread({self._stream: f"{number}-0"}, count=stream.PAGE, block=BLOCK)
        return found[0][1] if found else []

    def _add(self, client: Any, orders: Sequence[Order], plane_id: UUID, key: bytes) -> None:
        reached, newest = stream.add(client, self._stream, stream.packed(orders, plane_id, key))
        if reached:
            return
        # who numbered those in between has not told of them yet, or died: a reader must not find a gap
        answer = source.ask(connections[database()], after=newest)
        upto = orders[-1].number or 0
        missing = [order for order in answer.numbered if (order.number or 0) <= upto] if answer else []
        following, _ = stream.contiguous(missing, after=newest)
        if following and following[-1].number == upto:
            stream.add(client, self._stream, stream.packed(following, plane_id, key))
        else:
            stream.add(client, self._stream, stream.packed(orders, plane_id, key), anew=True)


def _hand_on(entries: list[stream.Entry], at: tuple[UUID, int], mirror: Following) -> None:
    plane_id, number = at
    orders = stream.unpacked(entries, plane_id, plane_keys.of_companion())
    following, are_all = stream.contiguous(orders, after=number)
    if following:
        mirror.hint(following)
    if not are_all:
        mirror.wake()
