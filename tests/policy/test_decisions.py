"""The table of PROTOCOL 1, line by line, each condition at its edge."""

from datetime import UTC, datetime, timedelta

import pytest

from tokenauth.errors import Cause
from tokenauth.policy.builtin import BUILTIN, Policy
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

ROTATED = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY, OTHER_KEY = b"k" * 16, b"o" * 16
POLICY = Policy(name="tested", grace=10, overlaps=3)


def family(
    generation: int = 5,
    branches: int = 1,
    *,
    won: int | None = 0,
    attempt: bytes | None = None,
    overlap_run: int = 0,
    overlapped: bool = False,
    exact: bool = False,
    can_repeat: bool = True,
) -> Position:
    return Position(
        generation=generation,
        branches=branches,
        won=won,
        rotated_at=ROTATED,
        attempt=attempt,
        overlap_run=overlap_run,
        overlapped=overlapped,
        exact=exact,
        can_repeat=can_repeat,
    )


def shown(generation: int, branch: int = 0, *, expired: bool = False, key: bytes | None = None) -> Presented:
    return Presented(generation=generation, branch=branch, expired=expired, attempt=key)


def judged(
    position: Position,
    presented: Presented,
    *,
    age: float = 1,
    policy: Policy = POLICY,
) -> Verdict:
    return on_refresh(position, presented, policy, at=ROTATED + timedelta(seconds=age))


INSIDE, OUTSIDE = 10.0, 10.000001


class TestLine1TheNewestGeneration:
    @pytest.mark.parametrize("age", [0, INSIDE, OUTSIDE, 10**9])
    def test_rotates_whenever_it_comes(self, age):
        assert judged(family(), shown(5), age=age) == Advance(6, won=0)

    def test_rotates_at_the_very_first_generation_which_has_no_parent(self):
        assert judged(family(0, won=None), shown(0)) == Advance(1, won=0)

    @pytest.mark.parametrize("branch", [0, 1, 2])
    def test_any_sibling_that_is_used_first_wins(self, branch):
        assert judged(family(branches=3), shown(5, branch)) == Advance(6, won=branch)

    def test_the_last_possible_sibling_wins_too(self):
        assert judged(family(branches=255), shown(5, 254)) == Advance(6, won=254)

    @pytest.mark.parametrize("key", [None, KEY])
    def test_rotates_with_and_without_a_key_in_a_window_family(self, key):
        assert judged(family(), shown(5, key=key)) == Advance(6, won=0)

    def test_an_exact_family_wants_a_key_and_consumes_nothing_without_one(self):
        assert judged(family(exact=True), shown(5)) == Refuse(Cause.MISSING_KEY)

    @pytest.mark.parametrize("made_with", [None, KEY, OTHER_KEY, OURS])
    def test_an_exact_family_rotates_for_whatever_key_comes_first(self, made_with):
        position = family(exact=True, attempt=made_with)

        assert judged(position, shown(5, key=KEY)) == Advance(6, won=0)

    def test_its_own_expiry_refuses_and_kills_nothing(self):
        assert judged(family(), shown(5, expired=True)) == Refuse(Cause.EXPIRED)

    def test_an_expired_token_is_not_asked_for_its_key(self):
        assert judged(family(exact=True), shown(5, expired=True)) == Refuse(Cause.EXPIRED)

    def test_rotates_though_its_pair_could_not_be_made_again(self):
        assert judged(family(can_repeat=False), shown(5)) == Advance(6, won=0)


class TestLine2TheSameAttempt:
    @pytest.mark.parametrize("exact", [True, False])
    @pytest.mark.parametrize("age", [0, INSIDE, OUTSIDE, 10**9])
    def test_gets_the_same_answer_at_any_age_and_writes_nothing(self, exact, age):
        position = family(exact=exact, attempt=KEY)

        assert judged(position, shown(4, key=KEY), age=age) == Repeat(marks_overlap=False)

    def test_is_not_counted_against_the_overlap_limit(self):
        position = family(attempt=KEY, overlap_run=3)

        assert judged(position, shown(4, key=KEY)) == Repeat(marks_overlap=False)

    def test_gets_the_same_answer_though_no_further_sibling_could_be_made(self):
        assert judged(family(branches=255, attempt=KEY), shown(4, key=KEY)) == Repeat(marks_overlap=False)

    def test_two_requests_without_a_key_are_not_the_same_attempt(self):
        assert judged(family(attempt=None), shown(4), age=OUTSIDE) == Branch(1, marks_overlap=False)

    def test_after_the_parent_expired_it_is_refused_and_kills_nothing(self):
        position = family(exact=True, attempt=KEY)

        assert judged(position, shown(4, expired=True, key=KEY)) == Refuse(Cause.EXPIRED_PARENT)

    @pytest.mark.parametrize("exact", [True, False])
    @pytest.mark.parametrize(("age", "marks"), [(INSIDE, True), (OUTSIDE, False)])
    def test_gets_a_sibling_once_its_pair_cannot_be_made_again(self, exact, age, marks):
        position = family(exact=exact, attempt=KEY, can_repeat=False)

        assert judged(position, shown(4, key=KEY), age=age) == Branch(1, marks_overlap=marks)


class TestLine3AnotherAttemptInAnExactFamily:
    @pytest.mark.parametrize("key", [None, OTHER_KEY, OURS])
    @pytest.mark.parametrize("age", [0, INSIDE, OUTSIDE])
    @pytest.mark.parametrize("can_repeat", [True, False])
    def test_is_theft_at_any_age(self, key, age, can_repeat):
        position = family(exact=True, attempt=KEY, can_repeat=can_repeat)

        assert judged(position, shown(4, key=key), age=age) == Theft(line=3)

    def test_is_theft_though_the_overlap_limit_and_the_siblings_are_used_up(self):
        position = family(branches=255, exact=True, attempt=KEY, overlap_run=3)

        assert judged(position, shown(4, key=OTHER_KEY)) == Theft(line=3)

    @pytest.mark.parametrize("key", [None, OTHER_KEY])
    def test_is_refused_and_kills_nothing_after_the_parent_expired(self, key):
        position = family(exact=True, attempt=KEY)

        assert judged(position, shown(4, expired=True, key=key)) == Refuse(Cause.EXPIRED_PARENT)

    @pytest.mark.parametrize("key", [None, KEY])
    def test_is_not_asked_of_a_generation_that_the_server_made(self, key):
        position = family(exact=True, attempt=OURS)

        assert judged(position, shown(4, key=key), age=INSIDE) == Repeat(marks_overlap=True)
        assert judged(position, shown(4, key=key), age=OUTSIDE) == Branch(1, marks_overlap=False)

    @pytest.mark.parametrize("key", [None, OTHER_KEY])
    def test_is_no_theft_in_a_window_family(self, key):
        assert judged(family(attempt=KEY), shown(4, key=key)) == Repeat(marks_overlap=True)


class TestLine4InsideTheWindow:
    @pytest.mark.parametrize("age", [-5, 0, 9.999999, INSIDE])
    def test_the_parent_gets_the_same_answer_up_to_and_at_the_edge(self, age):
        assert judged(family(), shown(4), age=age) == Repeat(marks_overlap=True)

    def test_the_overlap_is_written_once_a_generation(self):
        assert judged(family(overlapped=True), shown(4)) == Repeat(marks_overlap=False)

    @pytest.mark.parametrize("run", [0, 1, 2])
    def test_so_many_consecutive_generations_may_be_shown_twice(self, run):
        assert judged(family(overlap_run=run), shown(4)) == Repeat(marks_overlap=True)

    @pytest.mark.parametrize("run", [3, 4, 1000])
    def test_the_next_one_gets_a_sibling_that_counts_as_an_overlap(self, run):
        assert judged(family(overlap_run=run), shown(4)) == Branch(1, marks_overlap=True)

    def test_no_overlap_at_all_where_the_policy_allows_none(self):
        policy = POLICY.model_copy(update={"overlaps": 0})

        assert judged(family(), shown(4), policy=policy) == Branch(1, marks_overlap=True)

    @pytest.mark.parametrize(("age", "verdict"), [(0, Repeat(True)), (0.000001, Branch(1, False))])
    def test_without_a_grace_only_the_same_instant_is_inside(self, age, verdict):
        policy = POLICY.model_copy(update={"grace": 0})

        assert judged(family(), shown(4), age=age, policy=policy) == verdict

    def test_the_answer_is_repeated_though_no_further_sibling_could_be_made(self):
        assert judged(family(branches=255), shown(4)) == Repeat(marks_overlap=True)

    def test_a_pair_that_cannot_be_made_again_is_a_sibling_instead(self):
        assert judged(family(can_repeat=False), shown(4)) == Branch(1, marks_overlap=True)

    def test_after_the_parent_expired_it_is_refused_and_kills_nothing(self):
        assert judged(family(), shown(4, expired=True)) == Refuse(Cause.EXPIRED_PARENT)

    @pytest.mark.parametrize("won", [0, 1, 254])
    def test_the_parent_is_the_branch_that_won_whichever_that_was(self, won):
        assert judged(family(won=won), shown(4, won)) == Repeat(marks_overlap=True)


class TestLine5OutsideTheWindow:
    @pytest.mark.parametrize("age", [OUTSIDE, 11, 10**9])
    def test_the_parent_gets_a_sibling_at_any_age(self, age):
        assert judged(family(), shown(4), age=age) == Branch(1, marks_overlap=False)

    @pytest.mark.parametrize("branches", [1, 2, 254])
    def test_a_sibling_is_the_next_branch(self, branches):
        assert judged(family(branches=branches), shown(4), age=OUTSIDE) == Branch(branches, False)

    @pytest.mark.parametrize(("age", "run"), [(OUTSIDE, 0), (INSIDE, 3)])
    def test_the_256th_answer_to_one_parent_is_refused_and_kills_nothing(self, age, run):
        position = family(branches=255, overlap_run=run)

        assert judged(position, shown(4), age=age) == Refuse(Cause.BRANCHES_FULL)

    def test_a_256th_answer_is_refused_too_where_the_pair_cannot_be_made_again(self):
        assert judged(family(branches=255, can_repeat=False), shown(4)) == Refuse(Cause.BRANCHES_FULL)

    def test_the_overlap_limit_is_no_matter_outside_the_window(self):
        assert judged(family(overlap_run=9), shown(4), age=OUTSIDE) == Branch(1, marks_overlap=False)

    def test_after_the_parent_expired_it_is_refused_and_kills_nothing(self):
        assert judged(family(), shown(4, expired=True), age=OUTSIDE) == Refuse(Cause.EXPIRED_PARENT)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("expired", [True, False])
@pytest.mark.parametrize("key", [None, KEY, OTHER_KEY])
@pytest.mark.parametrize("age", [0, OUTSIDE])
@pytest.mark.parametrize("can_repeat", [True, False])
class TestLine6AnythingOlder:
    def test_a_branch_that_lost_is_theft_whatever_else_is_wrong(self, exact, expired, key, age, can_repeat):
        position = family(won=1, exact=exact, attempt=KEY, can_repeat=can_repeat)

        assert judged(position, shown(4, 0, expired=expired, key=key), age=age) == Theft(line=6)
        assert judged(position, shown(4, 2, expired=expired, key=key), age=age) == Theft(line=6)

    @pytest.mark.parametrize("generation", [0, 3])
    def test_a_grandparent_is_theft_whatever_else_is_wrong(
        self, exact, expired, key, age, can_repeat, generation
    ):
        position = family(exact=exact, attempt=KEY, can_repeat=can_repeat)

        assert judged(position, shown(generation, expired=expired, key=key), age=age) == Theft(line=6)

    def test_a_server_made_generation_changes_nothing(self, exact, expired, key, age, can_repeat):
        position = family(won=1, exact=exact, attempt=OURS, can_repeat=can_repeat)

        assert judged(position, shown(4, 0, expired=expired, key=key), age=age) == Theft(line=6)


class TestLine7NewerThanTheDatabase:
    AHEAD = [(5, 1), (5, 254), (6, 0), (6, 7), (900, 0)]

    @pytest.mark.parametrize(("generation", "branch"), AHEAD)
    @pytest.mark.parametrize("age", [0, OUTSIDE])
    def test_is_adopted_and_never_theft(self, generation, branch, age):
        verdict = judged(family(), shown(generation, branch), age=age)

        assert verdict == Advance(generation + 1, won=branch, adopted=True)

    @pytest.mark.parametrize(("generation", "branch"), AHEAD)
    @pytest.mark.parametrize("key", [None, KEY])
    def test_logs_in_again_where_the_policy_says_so(self, generation, branch, key):
        policy = POLICY.model_copy(update={"behind": "reauthenticate"})
        position = family(exact=True)

        assert judged(position, shown(generation, branch, key=key), policy=policy) == Refuse(Cause.BEHIND)

    def test_its_own_expiry_refuses_and_kills_nothing(self):
        assert judged(family(), shown(6, expired=True)) == Refuse(Cause.EXPIRED)

    def test_an_exact_family_wants_a_key_as_on_line_1(self):
        assert judged(family(exact=True), shown(6)) == Refuse(Cause.MISSING_KEY)
        assert judged(family(exact=True), shown(6, key=KEY)) == Advance(7, won=0, adopted=True)

    def test_begins_where_the_branches_that_the_row_knows_end(self):
        position = family(branches=3)

        assert judged(position, shown(5, 2)) == Advance(6, won=2)
        assert judged(position, shown(5, 3)) == Advance(6, won=3, adopted=True)


@pytest.mark.parametrize("name", ["browser", "mobile", "service"])
def test_the_built_in_policies_allow_ten_seconds_and_three_overlaps(name):
    policy = BUILTIN[name]

    assert judged(family(overlap_run=2), shown(4), age=INSIDE, policy=policy) == Repeat(True)
    assert judged(family(overlap_run=3), shown(4), age=INSIDE, policy=policy) == Branch(1, True)
    assert judged(family(), shown(4), age=OUTSIDE, policy=policy) == Branch(1, False)
    assert isinstance(judged(family(), shown(6), policy=policy), Advance)


def test_the_high_security_policy_logs_in_again_after_a_failover():
    assert judged(family(), shown(6), policy=BUILTIN["high-security"]) == Refuse(Cause.BEHIND)


def test_a_verdict_depends_on_a_branch_only_by_what_it_is_compared_with():
    """What lets the exhaustive game give branches other names."""
    small, large = family(branches=3, won=1), family(branches=203, won=101)
    partner = {0: 0, 1: 101, 2: 202}

    for own in (0, 1, 2):
        for generation in (3, 4, 5):
            verdict = judged(small, shown(generation, own))
            expected = {Advance(6, own): Advance(6, partner[own])}.get(verdict, verdict)
            assert judged(large, shown(generation, partner[own])) == expected
