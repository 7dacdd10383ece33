"""What carries news of orders beside the poll: it shortens the wait and decides nothing (PROTOCOL 3)."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from tokenauth.revocation.mirror import Order


class Following(Protocol):
    """The mirror, as a notifier sees it."""

    def position(self) -> tuple[UUID, int] | None:
        """Return plane and number that it has come to; None before its first answer."""

    def hint(self, orders: Sequence[Order]) -> None:
        """Take in numbered orders."""

    def wake(self) -> None:
        """Have it ask the database now."""


class Notifier(Protocol):
    """One way for news to travel."""

    #: For operators, at most 16 characters.
    name: str

    def publish(self, orders: Sequence[Order], *, plane_id: UUID, key: bytes) -> None:
        """Tell every process of numbered, committed orders, lowest first, or raise whatever went wrong."""

    def follow(self, stop: threading.Event, mirror: Following, connected: Callable[[], None]) -> None:
        """Hand on what arrives until told to stop; `connected` is called once news can arrive.

        Raises:
            Exception: The connection was lost, or there is none.
        """
