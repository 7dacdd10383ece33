"""Verified tokens of this process: by digest, bounded, no bearer token readable in it (PROTOCOL 4)."""

import hashlib
from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar


class Slimmable(Protocol):
    """What is remembered of a token: its claims, or more."""

    def slim(self) -> Self:
        """The same, sharing with other tokens what thousands of them have in common."""


T = TypeVar("T", bound=Slimmable)


class VerifiedTokens(Generic[T]):
    """Two generations of dictionaries: a full young one becomes the old one, the old one goes.

    So many of them that are in use are remembered without a miss; up to twice as many are held.
    """

    def __init__(self, size: Callable[[], int]) -> None:
        self._size = size
        self._young: dict[bytes, T] = {}
        self._old: dict[bytes, T] = {}

    def get(self, token: bytes) -> T | None:
        """Return what an earlier verification found; the caller checks exp and revocation anew."""
        digest = hashlib.sha256(token).digest()
        found = self._young.get(digest)
        if found is None:
            found = self._old.get(digest)
            if found is not None:
                self._keep(digest, found)
        return found

    def put(self, token: bytes, claims: T) -> None:
        """Remember a verified token."""
        self._keep(hashlib.sha256(token).digest(), claims.slim())

    def clear(self) -> None:
        """Forget everything: a key went."""
        self._young, self._old = {}, {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def _keep(self, digest: bytes, claims: T) -> None:
        if len(self._young) >= self._size():
            self._young, self._old = {}, self._young
        self._young[digest] = claims
