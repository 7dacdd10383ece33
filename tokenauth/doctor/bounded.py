"""Looking at what may never answer."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def within(seconds: float, look: Callable[[], T]) -> T:
    """Return what `look` returns, from a thread that is left alone once it takes too long.

    Where no thread can be started it runs here, bounded by nothing but the timeouts of what it asks.

    Raises:
        TimeoutError: It did not return in time.
        Exception: Whatever `look` raised.
    """
    answer: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def run() -> None:
        try:
            found = look()
        except BaseException as failure:
            answer.put((None, failure))
        else:
            answer.put((found, None))
        finally:
            connections.close_all()

    # a daemon: one that hangs must not keep the command from ending
    thread = threading.Thread(target=run, name="tokenauth-doctor", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return look()
    try:
        found, failure = answer.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if failure is not None:
        raise failure
    return found  # type: ignore[return-value]
