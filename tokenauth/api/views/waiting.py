"""Waiting for news on behalf of a request: in its thread where it has one to spare, else in none."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from tokenauth.revocation.mirror import Order
from tokenauth.revocation.process import MIRROR

#: Seconds that a request waits at most: in a thread of a WSGI server, and on an event loop.
LONGEST_IN_A_THREAD = 1.0
LONGEST_ON_A_LOOP = 30.0
#: Requests of one process that wait on an event loop.
MOST_ON_A_LOOP = 200


class Places:
    """How many requests of this process may wait; who finds none free is answered at once."""

    def __init__(self, places: int) -> None:
        self._free = threading.BoundedSemaphore(places)

    def take(self) -> bool:
        """Take a place if there is one; `leave` gives it back."""
        return self._free.acquire(blocking=False)

    def leave(self) -> None:
        self._free.release()


IN_A_THREAD = Places(1)
ON_A_LOOP = Places(MOST_ON_A_LOOP)


@contextmanager
def listening() -> Iterator[threading.Event]:
    """An event that is set once the mirror of this process takes in an order."""
    heard = threading.Event()

    def listen(orders: Sequence[Order]) -> None:
        heard.set()

    unsubscribe = MIRROR.subscribe(listen)
    try:
        yield heard
    finally:
        unsubscribe()


@asynccontextmanager
async def listening_on_the_loop() -> AsyncIterator[asyncio.Event]:
    """The same for a coroutine: no thread waits for it."""
    heard, loop = asyncio.Event(), asyncio.get_running_loop()

    def listen(orders: Sequence[Order]) -> None:
        loop.call_soon_threadsafe(heard.set)

    unsubscribe = MIRROR.subscribe(listen)
    try:
        yield heard
    finally:
        unsubscribe()
