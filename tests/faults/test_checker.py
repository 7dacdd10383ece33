"""The checker finds what it is there for, and nothing else."""

from dataclasses import replace

import pytest

from tests.faults.checker import LEEWAY, SKEW, judge
from tests.faults.facts import Decision, Failover, Revocation, Said, Token

BOUND = 1.0
TOKEN = Token(
    id="t",
    jti="jti",
    kid="kid",
    family="family",
    device="device",
    user="7",
    client="main",
    iat=1_000,
    exp=1_300,
    generation=2,
    epochs=(0, 0, 0, 3),
    obtained=50,
)
#: Its user was revoked at 100.
REVOKED = Revocation("o1", "user", "7", floor=4, began=99.9, committed=100, order=11)


def decided(said, at, *, worker=1, **more):
    return Decision("t", said, worker, started=at, ended=at + 0.01, wall=1_000 + at, **more)


def found(*decisions, revocations=(REVOKED,), tokens=(TOKEN,), **more):
    report = judge(tokens, decisions, revocations, bound=BOUND, **more)
    return [violation.what for violation in report.violations]


class TestAcceptance:
    def test_within_the_bound_is_no_violation_and_measured(self):
        report = judge([TOKEN], [decided(Said.ACCEPTED, 100.4)], [REVOKED], bound=BOUND)

        assert not report.violations
        assert (round(report.worst_begun), round(report.worst_ended)) == (400, 410)

    def test_later_than_the_bound_is_found(self):
        assert found(decided(Said.ACCEPTED, 101.1)) == ["accepted later than the bound"]

    def test_a_decision_that_began_in_time_may_end_late(self):
        slow = replace(decided(Said.ACCEPTED, 100.9), ended=105)

        assert found(slow) == []

    def test_an_order_that_was_lost_is_found_in_the_end(self):
        last = decided(Said.ACCEPTED, 160, is_last=True)

        assert found(last) == ["accepted after all was healed"]

    @pytest.mark.parametrize(
        ("kind", "key", "floor"),
        [
            ("family", "family", 0),
            ("token", "jti", 0),
            ("key", "kid", 0),
            ("device", "device", 1),
            ("client", "main", 1),
            ("site", "", 1),
            ("before", "", 1_001),
            ("password", "7", 4),
            ("generation", "family", 3),
        ],
    )
    def test_every_subject_is_judged(self, kind, key, floor):
        revoked = replace(REVOKED, kind=kind, key=key, floor=floor)

        assert found(decided(Said.ACCEPTED, 102), revocations=[revoked]) == ["accepted later than the bound"]

    @pytest.mark.parametrize(
        "other",
        [
            replace(REVOKED, key="8"),
            replace(REVOKED, floor=3, began=49),
            replace(REVOKED, kind="before", key="", floor=1_000),
            replace(REVOKED, kind="generation", key="family", floor=2),
        ],
    )
    def test_what_is_about_others_ends_nothing(self, other):
        assert found(decided(Said.ACCEPTED, 160), revocations=[other]) == []

    def test_a_token_from_before_is_meant_whatever_it_is_stamped_with(self):
        stamped = replace(TOKEN, epochs=(0, 0, 0, 9))

        assert found(decided(Said.ACCEPTED, 102), tokens=[stamped]) == ["accepted later than the bound"]

    def test_a_commit_of_which_nobody_knows_obliges_to_nothing(self):
        unknown = replace(REVOKED, committed=None)

        assert found(decided(Said.ACCEPTED, 160), revocations=[unknown]) == []

    def test_after_the_tokens_own_end_is_found(self):
        late = decided(Said.ACCEPTED, 300 + LEEWAY + SKEW + 1)

        assert found(late, revocations=[]) == ["accepted after its end"]


class TestRefusal:
    def test_of_what_was_revoked_is_right_as_soon_as_it_may_have_committed(self):
        assert found(decided(Said.REFUSED, 99.95), decided(Said.REFUSED, 160)) == []

    def test_of_a_valid_token_is_found(self):
        assert found(decided(Said.REFUSED, 99)) == ["a valid token was refused"]

    def test_for_a_commit_of_which_nobody_knows_is_right(self):
        assert found(decided(Said.REFUSED, 160), revocations=[replace(REVOKED, committed=None)]) == []

    def test_of_what_has_ended_by_itself_is_right(self):
        assert found(decided(Said.REFUSED, 300 + LEEWAY), revocations=[]) == []

    def test_of_a_living_session_is_found(self):
        refused = decided(Said.REFUSED, 99, is_refresh=True)

        assert found(refused) == ["a living session was refused"]

    def test_of_a_session_does_not_wait_for_its_access_token_to_end(self):
        refused = decided(Said.REFUSED, 400, is_refresh=True)

        assert found(refused, revocations=[]) == ["a living session was refused"]


class TestStaleness:
    def test_a_503_is_counted_by_whether_a_fault_was_at_work(self):
        stale = [decided(Said.STALE, at) for at in (100, 120, 200)]

        report = judge([TOKEN], stale, [], bound=BOUND, disturbed=[(99, 110), (118, 119)])

        assert not report.violations
        assert report.decisions == {"stale during a fault": 2, "stale with no fault": 1}

    def test_a_worker_that_never_heals_is_found(self):
        healed = [decided(Said.STALE, 160, is_last=True), decided(Said.ACCEPTED, 161, is_last=True)]
        ill = [decided(Said.STALE, at, worker=2, is_last=True) for at in (160, 161)]

        assert found(*healed, *ill, revocations=[]) == ["still stale after all was healed"]

    def test_an_answer_that_nobody_promised_is_found(self):
        assert found(decided(Said.ERROR, 90)) == ["answered with an error"]


class TestFailover:
    FAILOVER = Failover(since=99.5, at=103, lost=("o1",))

    def test_what_the_database_lost_binds_nobody_who_had_not_heard_of_it(self):
        assert found(decided(Said.ACCEPTED, 160), failovers=[self.FAILOVER]) == []

    def test_who_had_heard_of_it_must_not_forget_it(self):
        heard = decided(Said.REFUSED, 101.5)

        forgotten = found(heard, decided(Said.ACCEPTED, 160), failovers=[self.FAILOVER])

        assert forgotten == ["forgotten after a failover"]

    def test_what_it_kept_binds_as_ever(self):
        kept = replace(self.FAILOVER, lost=())

        assert found(decided(Said.ACCEPTED, 160), failovers=[kept]) == ["accepted later than the bound"]

    def test_a_rotation_in_between_may_be_lost(self):
        rotated = Revocation("r1", "generation", "family", floor=3, began=99.9, committed=100, way="refresh")

        assert found(decided(Said.ACCEPTED, 160), revocations=[rotated], failovers=[self.FAILOVER]) == []

    def test_a_token_of_the_lost_seconds_is_judged_by_its_epochs_alone(self):
        counted_twice = replace(TOKEN, obtained=101, epochs=(0, 0, 0, 4))
        again = replace(REVOKED, id="o2", began=110, committed=110, order=12)

        accepted = decided(Said.ACCEPTED, 160)
        history = {"tokens": [counted_twice], "revocations": [again]}

        assert found(accepted, failovers=[self.FAILOVER], **history) == []
        assert found(accepted, **history) == ["accepted later than the bound"]

    def test_a_session_of_the_lost_seconds_may_be_refused(self):
        begun = replace(TOKEN, obtained=101)
        refused = decided(Said.REFUSED, 110, is_refresh=True)

        assert found(refused, tokens=[begun], revocations=[], failovers=[self.FAILOVER]) == []

    def test_a_token_that_a_lost_key_signed_may_be_refused_and_no_other(self):
        """A worker signs with it until it has noticed: within the bound of the promotion."""
        signed = replace(TOKEN, obtained=self.FAILOVER.at + BOUND / 2)
        later = replace(TOKEN, obtained=self.FAILOVER.at + BOUND + 0.1)
        refused = decided(Said.REFUSED, 110)

        assert found(refused, tokens=[signed], revocations=[], failovers=[self.FAILOVER]) == []
        assert found(refused, tokens=[later], revocations=[], failovers=[self.FAILOVER]) == [
            "a valid token was refused"
        ]
