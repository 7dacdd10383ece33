"""Rules that look as good as PROTOCOL 1 and are not: each must be caught by the game."""

from dataclasses import replace
from datetime import datetime, timedelta

from tests.guarantees.rotation_model.row import Row, written
from tokenauth.errors import Cause
from tokenauth.policy.builtin import Policy
from tokenauth.policy.decisions import (
    OURS,
    Advance,
    Branch,
    Position,
    Presented,
    Refuse,
    Repeat,
    Theft,
    Verdict,
    on_refresh,
)


def same_inside_the_window_else_theft(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """What most servers do."""
    verdict = on_refresh(p, t, policy, at=at)
    if isinstance(verdict, Branch | Repeat):
        inside = at - p.rotated_at <= timedelta(seconds=policy.grace)
        return Repeat(False) if inside else Theft(0)
    return verdict


def reuse_outside_the_window_is_theft(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """With the overlap limit, but no late siblings."""
    verdict = on_refresh(p, t, policy, at=at)
    outside = at - p.rotated_at > timedelta(seconds=policy.grace)
    return Theft(0) if isinstance(verdict, Branch) and outside else verdict


def any_reuse_is_theft(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """Rotation without any grace."""
    verdict = on_refresh(p, t, policy, at=at)
    return Theft(0) if isinstance(verdict, Branch | Repeat) else verdict


def the_parent_always_gets_the_same(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    verdict = on_refresh(p, t, policy, at=at)
    return Repeat(False) if isinstance(verdict, Branch) else verdict


def no_overlap_limit(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    return on_refresh(replace(p, overlap_run=0), t, policy, at=at)


def one_overlap_more(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    return on_refresh(p, t, policy.model_copy(update={"overlaps": policy.overlaps + 1}), at=at)


def a_lost_branch_is_a_parent_too(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """Line 6 without `b != won`."""
    if t.generation == p.generation - 1 and p.won is not None:
        t = replace(t, branch=p.won)
    return on_refresh(p, t, policy, at=at)


def a_lost_branch_is_only_refused(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """The family lives on, and so does the thief."""
    verdict = on_refresh(p, t, policy, at=at)
    return Refuse(Cause.ENDED) if verdict == Theft(6) and t.generation == p.generation - 1 else verdict


def an_old_generation_is_only_refused(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    verdict = on_refresh(p, t, policy, at=at)
    return Refuse(Cause.ENDED) if verdict == Theft(6) and t.generation < p.generation - 1 else verdict


def an_expired_loser_is_only_refused(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """The token's own expiry before line 6."""
    return Refuse(Cause.EXPIRED) if t.expired else on_refresh(p, t, policy, at=at)


def only_the_newest_sibling_may_be_used(
    p: Position, t: Presented, policy: Policy, *, at: datetime
) -> Verdict:
    older = t.generation == p.generation and t.branch < p.branches - 1
    return Theft(0) if older else on_refresh(p, t, policy, at=at)


def an_exact_family_takes_any_key(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """Line 3 missing."""
    if p.exact and t.attempt is not None:
        return on_refresh(replace(p, exact=False), t, policy, at=at)
    return on_refresh(p, t, policy, at=at)


def no_key_is_the_same_key(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """`None == None`."""
    verdict = on_refresh(p, t, policy, at=at)
    both_without = t.attempt is None and p.attempt is None
    return Repeat(False) if both_without and isinstance(verdict, Branch | Repeat) else verdict


def a_generation_of_ours_wants_its_key(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """Line 3 without the marker."""
    return on_refresh(replace(p, attempt=b"nobody's") if p.attempt == OURS else p, t, policy, at=at)


def the_newest_generation_wants_its_key(
    p: Position, t: Presented, policy: Policy, *, at: datetime
) -> Verdict:
    """An exact family that compares the key on line 1 as well."""
    verdict = on_refresh(p, t, policy, at=at)
    other = p.attempt is not None and t.attempt != p.attempt
    return Theft(0) if p.exact and other and isinstance(verdict, Advance) else verdict


def newer_than_the_database_is_theft(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """Line 7 as theft: a failover logs out whoever had just refreshed."""
    verdict = on_refresh(p, t, policy, at=at)
    return Theft(7) if isinstance(verdict, Advance) and verdict.adopted else verdict


def a_repeat_that_cannot_be_made_is_theft(
    p: Position, t: Presented, policy: Policy, *, at: datetime
) -> Verdict:
    """A refresh key was retired between an answer and its repeat."""
    verdict = on_refresh(replace(p, can_repeat=True), t, policy, at=at)
    return Theft(0) if isinstance(verdict, Repeat) and not p.can_repeat else verdict


def siblings_run_out_too_early(p: Position, t: Presented, policy: Policy, *, at: datetime) -> Verdict:
    """A limit on answers that is reached one too early."""
    verdict = on_refresh(p, t, policy, at=at)
    return Refuse(Cause.BRANCHES_FULL) if isinstance(verdict, Branch) and p.branches == 1 else verdict


def never_marks_an_overlap(row: Row, verdict: Verdict, attempt: str | None) -> Row:
    """Line 4 without its write."""
    return written(row, verdict, attempt)._replace(overlapped=False)


def forgets_the_run(row: Row, verdict: Verdict, attempt: str | None) -> Row:
    """Line 1 that begins to count anew."""
    after = written(row, verdict, attempt)
    return after._replace(overlap_run=0) if isinstance(verdict, Advance) else after


def a_sibling_keeps_the_first_key(row: Row, verdict: Verdict, attempt: str | None) -> Row:
    """Line 5 without `attempt`."""
    after = written(row, verdict, attempt)
    return after._replace(attempt=row.attempt) if isinstance(verdict, Branch) else after


def forgets_who_won(row: Row, verdict: Verdict, attempt: str | None) -> Row:
    """Line 1 without `won`."""
    after = written(row, verdict, attempt)
    return after._replace(won=0) if isinstance(verdict, Advance) else after
