"""
A short, certain course of faults for each way in which the plane could be wrong.

On the code as it is nothing is violated; `tests/guarantees/breaks/g04_*` and `g05_*` plant the errors, and
then the checker has to say so. What chance finds is `make faults`.
"""

import functools
import os

import pytest

from tests.faults import rounds, servers, world
from tests.faults.injector import Injector
from tests.faults.rounds import Plan
from tests.faults.run import folder
from tests.faults.site import Kind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


@pytest.fixture(scope="module")
def made():
    try:
        servers.binaries()
        servers.redis_program()
    except servers.Absent as absent:
        if os.environ.get("REQUIRE_POSTGRES"):
            raise
        pytest.skip(str(absent))
    with folder() as path, world.made(path) as new:
        yield new


@pytest.fixture
def violated(made, request):
    """Play a course of faults on a kind of site; return what the checker found."""

    def play(course, *, kind=Kind.SYNC, pace=4, bound=1, by_redis=False, **told):
        plan = Plan(kind, "7", {"course": (course,)}, pace, bound, by_redis, told)
        report, _ = rounds.played(made, plan, made.folder / request.node.name)
        assert report.seen_refused > 0
        return {violation.what for violation in report.violations}

    return play


def test_a_late_commit_is_not_skipped(violated):
    def course(injector):
        for _ in range(8):
            injector.revoker.tell("late", 2)
        yield 4

    assert violated(course) == set()


def test_what_was_written_while_the_database_was_out_of_reach_is_caught_up_with(violated):
    def course(injector):
        yield from injector.on_the_way("database", "refuse", seconds=2.5)
        yield 1

    assert violated(course) == set()


def test_without_the_database_nobody_is_let_in(violated):
    def course(injector):
        yield from injector.on_the_way("database", "silent", seconds=10)

    # threads: the one of a sync worker hangs in a refresh, and nobody is there to let anybody in
    assert violated(course, kind=Kind.PRELOAD, pace=8) == set()


def test_a_machine_that_slept_knows_that_it_is_old(violated):
    def course(injector):
        revoked = functools.partial(injector.revoker.tell, "revoke", "site")
        yield from injector.asleep(5.5, silence=3, revoked=revoked)

    # a bound so long that even a busy machine asks within the half of it that nobody doubts
    assert violated(course, pace=1, bound=4) == set()


def test_a_verified_token_is_not_remembered_beyond_its_end(violated):
    def course(injector):
        for _ in range(3):
            injector.revoker.tell("revoke", "family")
        yield 32

    # nobody else is revoked: tokens must reach their end
    assert violated(course, pace=0) == set()


def test_a_mirror_from_before_the_fork_is_each_childs_own(violated):
    def course(injector):
        yield 6

    assert violated(course, kind=Kind.PRELOAD, FAULTS_WARM="1", pace=8) == set()


def test_an_order_is_kept_as_long_as_its_tokens_live(violated):
    def course(injector):
        for _ in range(8):
            injector.revoker.tell("revoke", "user")
        yield 2
        yield from Injector.boot_clock_jumped(injector)  # expired entries are swept once a minute
        yield 3

    assert violated(course) == set()


def test_a_database_that_went_back_is_noticed(violated):
    def course(injector):
        def lost():
            for _ in range(12):
                injector.revoker.tell("revoke", "family")
            for _ in range(3):
                injector.revoker.tell("revoke", "user")

        yield from injector.failed_over(2.5, lost=lost)
        for _ in range(6):
            injector.revoker.tell("revoke", "user")
        yield 2

    assert violated(course) == set()


def test_what_was_taken_back_is_obeyed_by_nobody(violated):
    def course(injector):
        for _ in range(5):
            injector.revoker.tell("revoke", "family")
        for _ in range(25):
            injector.revoker.tell("rolled-back")
            yield 0.1

    assert violated(course, pace=0, by_redis=True) == set()


def test_news_make_nobody_fresh(violated):
    def course(injector):
        injector.world.proxy.change("database", "silent")
        for _ in range(4):
            injector.revoker.tell("revoke", "family")
        yield 0.3
        for _ in range(12):
            injector.revoker.tell("killed")  # nobody numbers or tells of what such a writer commits
        yield 4
        injector.world.proxy.change("database", "pass")
        yield 1

    # threads enough for refreshes to hang in, and for others to be let in
    assert violated(course, kind=Kind.PRELOAD, pace=0, by_redis=True) == set()


def test_a_trimmed_stream_is_no_reason_to_skip(violated):
    def course(injector):
        for _ in range(6):
            injector.world.proxy.change("redis", "silent")
            for _ in range(5):
                injector.revoker.tell("revoke", "family")
            yield from injector.trimmed_once()
            injector.world.proxy.change("redis", "pass")
            yield 1

    # so long that the stream is read before the database is asked
    assert violated(course, pace=0, bound=4, by_redis=True) == set()
