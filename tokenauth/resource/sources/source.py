"""How a verifier learns what was revoked."""

from typing import Protocol

from tokenauth.errors import Refused
from tokenauth.resource.held import Shadow
from tokenauth.resource.rules import Rules
from tokenauth.tokens.claims import AccessClaims


class Source(Protocol):
    """What a verifier asks on each request. Nothing is raised; no network while it is fresh."""

    def stale(self) -> Refused | None:
        """Bring what is known up to date if it has to be; say so when it cannot be."""

    def rules(self) -> Rules:
        """What tokens are held to; after `stale` said nothing."""

    def digest_key(self) -> bytes:
        """Under which shadows are made."""

    def refused(self, token: bytes, claims: AccessClaims, shadow: Shadow) -> Refused | None:
        """Judge a verified token; after `stale` said nothing."""

    def health(self) -> dict[str, object]:
        """What an operator asks."""

    def after_fork(self) -> None:
        """Leave the parent's thread and locks alone: none of them works here."""

    def close(self) -> None:
        """Stop the thread, if there is one."""
