"""What the flows return: judgements are values, each outcome says what happened."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client receives. Never logged: the tokens are left out of the repr."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_expires_at: datetime
    scope: str
    session_id: UUID
    device_id: UUID


@dataclass(frozen=True, slots=True)
class Issued:
    """A login made a family."""

    pair: TokenPair


@dataclass(frozen=True, slots=True)
class Rotated:
    """The family moved to its next generation."""

    pair: TokenPair
    #: The token was newer than the database (PROTOCOL 1, line 7).
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Repeated:
    """The newest pair again."""

    pair: TokenPair


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another answer to the same parent; the first that is used wins."""

    pair: TokenPair


@dataclass(frozen=True, slots=True)
class Applied:
    """Who refuses by now what was revoked, as far as processes have said so."""

    #: Processes that said so, of how many that are there.
    by: int
    of: int
    #: How long was waited.
    seconds: float
    #: Those that did not, as `host:pid (kind)`.
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Revoked:
    """An order was recorded in the caller's transaction."""

    order_id: int
    #: The epoch that is in force now; 0 for what ends for good.
    floor: int = 0
    #: Families whose rows ended with it.
    families: int = 0
    #: Who has applied it, where the caller waited for that.
    applied: Applied | None = None
