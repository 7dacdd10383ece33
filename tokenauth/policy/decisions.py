"""What a presented refresh token means: the rotation machine as one pure function (PROTOCOL 1)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenauth.errors import Cause
from tokenauth.policy.builtin import Policy

#: Marks a generation that the server made itself (keep, step-up); no client's attempt has one byte.
OURS = b"\x00"

#: Answers that one parent can get before its client has to log in again.
MOST_BRANCHES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a family stands, as its row says."""

    generation: int
    branches: int
    won: int | None
    rotated_at: datetime
    #: Keyed digest of the Idempotency-Key that made the newest answer; `OURS`; None without a key.
    attempt: bytes | None
    overlap_run: int
    overlapped: bool
    exact: bool
    #: Whether the newest refresh token can be made again: the key that made it is still in force.
    can_repeat: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What was shown: a token that only this server can have made."""

    generation: int
    branch: int
    expired: bool = False
    #: Keyed digest of the request's Idempotency-Key; None without one.
    attempt: bytes | None = None


@dataclass(frozen=True, slots=True)
class Advance:
    """ROTATED: the family moves to `generation`; branch `won` of the one before it was used."""

    generation: int
    won: int
    #: The database lacked what this token proves (line 7): never theft.
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """REPEATED: the newest pair again. `marks_overlap`: write so, once a generation."""

    marks_overlap: bool


@dataclass(frozen=True, slots=True)
class Branch:
    """SIBLING: another answer to the same parent; the first of them that is used wins."""

    branch: int
    marks_overlap: bool


@dataclass(frozen=True, slots=True)
class Theft:
    """REUSE: only a second holder can have shown this. The family dies."""

    line: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing is consumed and nothing dies."""

    cause: Cause


Verdict = Advance | Repeat | Branch | Theft | Refuse


def on_refresh(position: Position, presented: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """Judge a presented refresh token by its family's position: the table of PROTOCOL 1, line by line.

    The caller has checked signature, jti, life and binding of the family before it asks, and checks
    scope, audience and limits of the request before it writes what a non-refusing verdict says.

    Args:
        position: The family's row.
        presented: The token that was shown.
        policy: Grace window W (seconds) and overlap limit S.
        at: The flow's one clock.
    Returns:
        What to do. Pure: no clock, no query.
    """
    n, m = position.generation, position.branches
    g, b = presented.generation, presented.branch

    if g > n or (g == n and b >= m):  # line 7
        return _newer_than_the_database(position, presented, policy)
    if g == n:  # line 1
        return _advance(position, presented)
    if g < n - 1 or b != position.won:  # line 6
        return Theft(line=6)
    return _parent_of_the_newest(position, presented, policy, at=at)  # lines 2 to 5


def _advance(position: Position, presented: Presented) -> Verdict:
    if presented.expired:
        return Refuse(Cause.EXPIRED)
    if position.exact and presented.attempt is None:
        return Refuse(Cause.MISSING_KEY)
    return Advance(presented.generation + 1, won=presented.branch)


def _newer_than_the_database(position: Position, presented: Presented, policy: Policy) -> Verdict:
    if presented.expired:
        return Refuse(Cause.EXPIRED)
    if policy.behind == "reauthenticate":
        return Refuse(Cause.BEHIND)
    if position.exact and presented.attempt is None:
        return Refuse(Cause.MISSING_KEY)
    return Advance(presented.generation + 1, won=presented.branch, adopted=True)


def _parent_of_the_newest(
    position: Position, presented: Presented, policy: Policy, *, at: datetime
) -> Verdict:
    if presented.expired:
        return Refuse(Cause.EXPIRED_PARENT)

    same_attempt = presented.attempt is not None and presented.attempt == position.attempt
    if same_attempt and position.can_repeat:  # line 2
        return Repeat(marks_overlap=False)

    if position.exact and position.attempt != OURS and not same_attempt:  # line 3
        return Theft(line=3)

    inside = at - position.rotated_at <= timedelta(seconds=policy.grace)
    if inside and position.overlap_run < policy.overlaps and position.can_repeat:  # line 4
        return Repeat(marks_overlap=not position.overlapped)

    if position.branches >= MOST_BRANCHES:
        return Refuse(Cause.BRANCHES_FULL)
    return Branch(position.branches, marks_overlap=inside)  # line 5
