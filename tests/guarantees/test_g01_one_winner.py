"""Guarantee 1: however many refresh with one token at once, one generation is made (DESIGN 6, PROTOCOL 1)."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client as Browser
from psycopg import IsolationLevel

from tests.crowd import at_once, elsewhere, held_open
from tests.factories import ClientFactory, UserFactory
from tests.http import Http
from tests.live import Answer, LiveSite
from tests.sessions import Session, answer_of, claims_of, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows.outcomes import Repeated, Rotated, Sibling, TokenPair
from tokenauth.flows.rotate import Outcome
from tokenauth.models import Plane, RevocationOrder, TokenEvent, TokenFamily, rotation
from tokenauth.models.event import EventKind
from tokenauth.models.order import OrderKind

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 20
#: S of the policies in use.
OVERLAPS = 3
#: PostgreSQL's word for it.
STATEMENT_TIMEOUT = "57014"


def present_at_once(session: Session, pair: TokenPair, keys: list[str | None] | None = None) -> list[Outcome]:
    """A crowd shows one refresh token, each in a thread of its own."""
    keys = keys or [None] * CROWD
    return at_once([lambda key=key: shown_until_answered(session, pair, key) for key in keys])


def shown_until_answered(session: Session, pair: TokenPair, key: str | None = None) -> Outcome:
    """Take 503 at its word: the same request again."""
    for _ in range(10):
        outcome = session.show(pair.refresh_token, key=key)
        if not (isinstance(outcome, Refused) and outcome.retry_after is not None):
            break
    return outcome


def kinds(outcomes: list[Outcome]) -> Counter[type]:
    return Counter(type(outcome) for outcome in outcomes)


def one_pair_of(outcomes: list[Outcome]) -> TokenPair:
    """The pair that all of them were given: one refresh token, access tokens of one jti and one exp."""
    pairs = [answer_of(outcome) for outcome in outcomes]
    claims = [claims_of(pair.access_token) for pair in pairs]
    assert len({pair.refresh_token for pair in pairs}) == 1
    assert len({(each.jti, each.exp) for each in claims}) == 1
    return pairs[0]


class TestInsideTheWindow:
    def test_of_a_crowd_one_makes_the_generation_and_all_get_its_tokens(self):
        session = log_in()

        outcomes = present_at_once(session, session.pair)

        assert kinds(outcomes) == {Rotated: 1, Repeated: CROWD - 1}
        assert one_pair_of(outcomes).refresh_token != session.pair.refresh_token
        assert (session.family.generation, session.family.branches) == (1, 1)
        made = TokenEvent.objects.of_family(session.family_id).filter(kind=EventKind.ROTATED)
        assert made.count() == 1

    def test_a_crowd_gets_repeats_for_s_generations_then_siblings_until_one_is_shown_once(
        self, chance: random.Random
    ):
        session = log_in()
        pair = session.pair

        for _ in range(OVERLAPS):
            outcomes = present_at_once(session, pair)
            assert kinds(outcomes) == {Rotated: 1, Repeated: CROWD - 1}
            pair = one_pair_of(outcomes)
        for _ in range(2):
            outcomes = present_at_once(session, pair)
            assert kinds(outcomes) == {Rotated: 1, Sibling: CROWD - 1}
            assert len({answer_of(outcome).refresh_token for outcome in outcomes}) == CROWD
            pair = answer_of(chance.choice(outcomes))
        session.pair = pair
        once = session.refresh()

        assert kinds(present_at_once(session, once)) == {Rotated: 1, Repeated: CROWD - 1}

    @pytest.mark.django_db
    def test_after_s_overlaps_the_next_second_answer_is_a_sibling(self):
        session = log_in()

        seconds = []
        for _ in range(OVERLAPS + 1):
            first = answer_of(session.show(session.pair.refresh_token))
            seconds.append(session.show(session.pair.refresh_token))
            session.pair = first

        assert [type(second) for second in seconds] == [Repeated] * OVERLAPS + [Sibling]

    @pytest.mark.django_db
    def test_a_repeat_seconds_later_is_the_same_token_byte_for_byte(self, clock):
        session = log_in()
        first = session.show(session.pair.refresh_token)
        clock.shift(9)

        again = session.show(session.pair.refresh_token)

        assert isinstance(again, Repeated)
        one_pair_of([first, again])


class TestBetweenReadAndSwap:
    """One refresh stands still after it has read, another goes through."""

    def test_the_overtaken_one_gets_the_winners_answer(self, before_the_swap):
        session = log_in()
        winner = before_the_swap(lambda: session.show(session.pair.refresh_token))

        overtaken = session.show(session.pair.refresh_token)

        assert isinstance(winner.result(), Rotated)
        assert isinstance(overtaken, Repeated)
        one_pair_of([winner.result(), overtaken])
        assert session.family.generation == 1

    def test_two_late_repeats_get_one_sibling(self, before_the_swap, clock):
        session = log_in()
        session.refresh_and_lose_the_answer()
        clock.shift(60)
        winner = before_the_swap(lambda: session.show(session.pair.refresh_token))

        overtaken = session.show(session.pair.refresh_token)

        assert isinstance(winner.result(), Sibling)
        one_pair_of([winner.result(), overtaken])
        assert session.family.branches == 2

    def test_a_repeat_meanwhile_still_counts_as_an_overlap(self, before_the_swap):
        session = log_in()
        parent = session.pair
        session.refresh()
        repeat = before_the_swap(lambda: session.show(parent.refresh_token))

        session.refresh()

        assert isinstance(repeat.result(), Repeated)
        assert session.family.overlap_run == 1

    def test_a_family_that_dies_meanwhile_is_not_rotated(self, before_the_swap):
        session = log_in()
        grandparent = session.pair
        session.refresh()
        session.refresh()
        theft = before_the_swap(lambda: session.show(grandparent.refresh_token))

        overtaken = session.show(session.pair.refresh_token)

        assert theft.result() == overtaken == Refused(Cause.REUSE, session.family_id)
        assert session.family.generation == 2


class TestAnExactFamily:
    @pytest.fixture
    def session(self) -> Session:
        return log_in(client=ClientFactory(exact=True))

    def test_gives_a_crowd_with_one_key_one_pair(self, session: Session):
        outcomes = present_at_once(session, session.pair, ["one-attempt-one-key"] * CROWD)

        assert kinds(outcomes) == {Rotated: 1, Repeated: CROWD - 1}
        one_pair_of(outcomes)
        assert session.family.generation == 1

    def test_takes_a_crowd_with_a_key_each_for_theft_after_the_winner(self, session: Session):
        outcomes = present_at_once(session, session.pair, [f"attempt-number-{n:04}" for n in range(CROWD)])

        assert kinds(outcomes) == {Rotated: 1, Refused: CROWD - 1}
        assert {o.cause for o in outcomes if isinstance(o, Refused)} == {Cause.REUSE}
        assert (session.family.generation, session.family.cause) == (1, "reuse")
        assert TokenEvent.objects.filter(kind=EventKind.REUSE).count() == 1
        assert RevocationOrder.objects.filter(kind=OrderKind.FAMILY).count() == 1
        winner = next(outcome for outcome in outcomes if isinstance(outcome, Rotated))
        assert not session.accepts(winner.pair.access_token)

    @pytest.mark.django_db
    def test_takes_another_key_for_theft(self, session: Session):
        session.show(session.pair.refresh_token, key="the-first-attempt")

        outcome = session.show(session.pair.refresh_token, key="another-attempt..")

        assert outcome == Refused(Cause.REUSE, session.family_id)


class TestNobodyWaits:
    @pytest.mark.postgres
    def test_a_rotation_held_open_before_its_commit_delays_no_other_family(self):
        user, client = UserFactory(), ClientFactory()
        held = log_in(user, client, device="phone")
        others = [log_in(user, client, device="tablet"), log_in(user), log_in(client=client), log_in()]

        with held_open(lambda: answer_of(held.show(held.pair.refresh_token))):
            outcomes = [elsewhere_impatiently(lambda other=other: other.refresh()) for other in others]
            assert held.family.generation == 0

        assert len(outcomes) == len(others)
        assert [other.family.generation for other in others] == [1] * len(others)
        assert held.family.generation == 1

    @pytest.mark.postgres
    def test_a_numbering_held_open_before_its_commit_delays_no_refresh(self):
        session = log_in()

        with held_open(lambda: Plane.objects.select_for_update().get()):
            elsewhere_impatiently(session.refresh)

        assert RevocationOrder.objects.filter(kind=OrderKind.GENERATION).count() == 1

    def test_a_sites_own_transaction_on_the_row_makes_a_refresh_busy_and_the_same_request_succeeds_after_it(
        self,
    ):
        session = log_in()

        with held_open(lambda: rotation.lock(session.family_id, using="default")):
            refused = elsewhere_impatiently(lambda: refresh_over_http(session))

        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json()["error"] == "temporarily_unavailable"
        assert session.family.generation == 0
        assert refresh_over_http(session).status_code == 200
        assert session.family.generation == 1


class TestAtRepeatableRead:
    """A site may choose a stricter isolation level for its connections."""

    pytestmark = pytest.mark.postgres

    # Django's own option leaves single statements at the server's level: the second one does not
    @pytest.fixture(
        autouse=True,
        params=[
            {"isolation_level": IsolationLevel.REPEATABLE_READ},
            # a pooler takes no such options
            pytest.param(
                {"options": "-c default_transaction_isolation=repeatable\\ read"}, marks=pytest.mark.direct
            ),
        ],
        ids=["of transactions", "of all statements"],
    )
    def stricter(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        # the connections that threads open take their options from here
        monkeypatch.setitem(connections.settings["default"], "OPTIONS", request.param)

    def test_the_connections_have_it(self):
        def level_of_a_transaction() -> Any:
            with transaction.atomic():
                return query("SHOW transaction_isolation")

        assert elsewhere(level_of_a_transaction) == "repeatable read"

    def test_of_a_crowd_one_makes_the_generation_and_all_get_its_tokens(self):
        session = log_in()

        outcomes = present_at_once(session, session.pair)

        assert kinds(outcomes) == {Rotated: 1, Repeated: CROWD - 1}
        one_pair_of(outcomes)
        assert session.family.generation == 1

    def test_a_crowd_with_a_key_each_has_one_winner(self):
        session = log_in(client=ClientFactory(exact=True))

        outcomes = present_at_once(session, session.pair, [f"attempt-number-{n:04}" for n in range(CROWD)])

        assert kinds(outcomes) == {Rotated: 1, Refused: CROWD - 1}
        assert TokenEvent.objects.filter(kind=EventKind.REUSE).count() == 1

    def test_the_overtaken_one_gets_the_winners_answer(self, before_the_swap):
        session = log_in()
        winner = before_the_swap(lambda: session.show(session.pair.refresh_token))

        overtaken = elsewhere(lambda: session.show(session.pair.refresh_token))

        one_pair_of([winner.result(), overtaken])
        assert session.family.generation == 1


class TestOnARealSite:
    """Twenty clients of four processes, over HTTP."""

    def test_a_crowd_gets_one_token_for_s_generations_then_siblings(self, live_site: LiveSite, chance):
        user, client = UserFactory(), ClientFactory()
        token = live_site.log_in(user, client)["refresh_token"]

        processes: set[int] = set()
        for _ in range(OVERLAPS):
            answers = at_once([lambda: live_site.refresh(token, client)] * CROWD)  # noqa: B023 - all at once
            token = one_token_of(answers)
            processes |= {answer.process for answer in answers}
        answers = at_once([lambda: live_site.refresh(token, client)] * CROWD)

        assert {answer.status for answer in answers} == {200}
        assert len({answer.body["refresh_token"] for answer in answers}) == CROWD
        family = TokenFamily.objects.get()
        assert (family.generation, family.branches) == (OVERLAPS + 1, CROWD)
        assert live_site.refresh(chance.choice(answers).body["refresh_token"], client).status == 200
        assert len(processes) > 1

    @pytest.mark.slow  # for its own site; the rule itself is quick above
    def test_an_exact_family_knows_a_retry_from_another_attempt(self, live_site: LiveSite):
        user, client = UserFactory(), ClientFactory(exact=True)
        token = live_site.log_in(user, client)["refresh_token"]
        other_keys = [f"attempt-number-{n:04}" for n in range(CROWD)]

        same = at_once([lambda: live_site.refresh(token, client, key="one-attempt-one-key")] * CROWD)
        token = one_token_of(same)
        different = at_once([lambda key=key: live_site.refresh(token, client, key=key) for key in other_keys])

        assert Counter(answer.status for answer in different) == {200: 1, 400: CROWD - 1}
        refused = [answer.body for answer in different if answer.status == 400]
        assert all(body["error"] == "invalid_grant" and body["reauthenticate"] for body in refused)
        family = TokenFamily.objects.get()
        assert (family.generation, family.cause) == (2, "reuse")


@pytest.fixture
def before_the_swap(monkeypatch) -> Callable[[Callable[[], Outcome]], "Future[Outcome]"]:
    """Have a deed done on another connection when the next refresh has read and not yet written."""
    swap = rotation.swap

    def arrange(deed: Callable[[], Outcome]) -> "Future[Outcome]":
        done: Future[Outcome] = Future()

        def first_the_deed(*args: Any, **kwargs: Any) -> bool:
            monkeypatch.setattr(rotation, "swap", swap)
            done.set_result(elsewhere(deed))
            return swap(*args, **kwargs)

        monkeypatch.setattr(rotation, "swap", first_the_deed)
        return done

    return arrange


def one_token_of(answers: list[Answer]) -> str:
    """The refresh token that all answers brought, with access tokens of one jti and one exp."""
    assert {answer.status for answer in answers} == {200}, Counter(answer.status for answer in answers)
    claims = [claims_of(answer.body["access_token"]) for answer in answers]
    assert len({(each.jti, each.exp) for each in claims}) == 1
    (token,) = {answer.body["refresh_token"] for answer in answers}
    return str(token)


def elsewhere_impatiently(call: Callable[[], Any]) -> Any:
    """Make a call on another connection, of which no statement may hang."""
    hung: list[str] = []

    def watch(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, parameters, many, context)
        except OperationalError as failure:
            if getattr(failure.__cause__, "sqlstate", "") == STATEMENT_TIMEOUT:
                hung.append(sql)
            raise

    def impatient() -> Any:
        if connection.vendor == "sqlite":  # one writer a file: the site chooses how long others wait
            query("PRAGMA busy_timeout = 50")
        if connection.vendor == "postgresql":
            query("SELECT set_config('statement_timeout', '3s', false)")
        with connection.execute_wrapper(watch):
            return call()

    answer = elsewhere(impatient)
    assert not hung
    return answer


def query(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def refresh_over_http(session: Session) -> Any:
    return Http(Browser()).refresh({"refresh_token": session.pair.refresh_token}, session.client)
