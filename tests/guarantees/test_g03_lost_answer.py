"""Guarantee 3: a lost answer never logs out a client that keeps its side.

It keeps one store, writes an answer only over the token it was asked with, and stores an
Idempotency-Key beside the token before it sends the two.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import pytest
import time_machine
from django.utils import timezone

from tests.factories import ClientFactory
from tests.sessions import Session, answer_of, claims_of, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows.outcomes import Repeated, Rotated, Sibling, TokenPair
from tokenauth.models import TokenEvent, TokenFamily

pytestmark = pytest.mark.django_db

Thing = TypeVar("Thing")

W = 10
HOUR, DAY = 3_600, 86_400
IDLE = 7 * DAY
AGES = pytest.mark.parametrize("age", [0, 1, W, W + 1, HOUR, 3 * DAY, IDLE - 1])
KEY, OTHER_KEY = "a-key-of-one-attempt", "a-key-of-another-one"


def exact_session() -> Session:
    return log_in(client=ClientFactory(exact=True))


def row_of(session: Session) -> dict[str, object]:
    return TokenFamily.objects.filter(pk=session.family_id).values().get()


@AGES
def test_the_answer_to_a_lost_refresh_can_still_be_had(clock, age):
    session = log_in()
    session.refresh_and_lose_the_answer()
    clock.shift(age)

    again = session.refresh()

    assert session.accepts(again.access_token)
    assert isinstance(session.show(again.refresh_token), Rotated)


@AGES
def test_the_same_key_gets_the_same_refresh_token_at_any_age(clock, age):
    session = exact_session()
    lost = session.refresh_and_lose_the_answer(key=KEY)
    clock.shift(age)

    outcome = session.show(session.pair.refresh_token, key=KEY)

    assert isinstance(outcome, Repeated)
    assert outcome.pair.refresh_token == lost.refresh_token
    assert session.accepts(outcome.pair.access_token)
    assert isinstance(session.show(outcome.pair.refresh_token, key=OTHER_KEY), Rotated)


@AGES
def test_a_key_gets_the_same_refresh_token_in_a_family_that_is_not_exact_too(clock, age):
    session = log_in()
    lost = session.refresh_and_lose_the_answer(key=KEY)
    clock.shift(age)

    again = session.refresh(key=KEY)

    assert again.refresh_token == lost.refresh_token


@pytest.mark.parametrize("key", [None, KEY])
def test_a_retry_at_the_tokens_own_expiry_is_refused_as_expired_and_nothing_dies(clock, key):
    session = log_in()
    clock.shift(60)
    lost = session.refresh_and_lose_the_answer(key=key)
    clock.shift(IDLE - 60)
    before = row_of(session)

    outcome = session.show(session.pair.refresh_token, key=key)

    assert outcome == Refused(Cause.EXPIRED_PARENT, session.family_id)
    assert row_of(session) == before
    assert isinstance(session.show(lost.refresh_token), Rotated)


def test_another_attempt_with_an_expired_token_of_an_exact_family_is_no_theft(clock):
    session = exact_session()
    clock.shift(60)
    lost = session.refresh_and_lose_the_answer(key=KEY)
    clock.shift(14 * DAY - 60)

    outcome = session.show(session.pair.refresh_token, key=OTHER_KEY)

    assert outcome == Refused(Cause.EXPIRED_PARENT, session.family_id)
    assert isinstance(session.show(lost.refresh_token, key=OTHER_KEY), Rotated)


def test_an_unused_token_works_until_the_second_before_its_expiry(clock):
    session = log_in()
    clock.shift(IDLE - 1)

    assert isinstance(session.show(session.pair.refresh_token), Rotated)


def test_an_unused_token_at_its_expiry_is_refused_and_writes_nothing(clock):
    session = log_in()
    clock.shift(IDLE)
    before = row_of(session)

    outcome = session.show(session.pair.refresh_token)

    assert outcome == Refused(Cause.DEVICE_OFFLINE, session.family_id)
    assert row_of(session) == before
    assert TokenEvent.objects.of_family(session.family_id).count() == 1


def test_a_doubled_request_gets_one_answer(clock):
    session = log_in()

    first = session.refresh_and_lose_the_answer()
    second = session.refresh_and_lose_the_answer()

    assert second.refresh_token == first.refresh_token
    assert claims_of(second.access_token) == claims_of(first.access_token)


def test_a_doubled_request_is_no_theft_in_a_generation_that_comes_after_many_doubled_ones(clock):
    session = log_in()

    for _ in range(12):
        session.refresh_and_lose_the_answer()
        session.refresh()

    assert session.accepts()
    assert session.family.revoked_at is None


def test_an_answer_that_is_lost_time_and_again_is_never_refused(clock):
    session = log_in()

    for _ in range(20):
        session.refresh_and_lose_the_answer()
        clock.shift(HOUR)

    assert isinstance(session.show(session.pair.refresh_token), Sibling)
    assert isinstance(session.show(session.refresh().refresh_token), Rotated)


@dataclass
class Store:
    """What all tabs of one client share."""

    session: Session
    pair: TokenPair
    with_keys: bool = False
    key: str | None = None
    _keys: Iterator[int] = field(default_factory=count)

    @classmethod
    def of(cls, session: Session, *, with_keys: bool = False) -> "Store":
        return cls(session, session.pair, with_keys)

    def asks(self) -> "Request":
        """What a tab sends; its key is in the store before it leaves."""
        if self.with_keys and self.key is None:
            self.key = f"attempt-number-{next(self._keys):04}"
        return Request(self, self.pair, self.key)

    def saves(self, answer: "Answer") -> bool:
        """Compare and set: only over the token that was sent."""
        if self.pair.refresh_token != answer.request.sent.refresh_token:
            return False
        self.pair, self.key = answer.pair, None
        return True


@dataclass(frozen=True)
class Request:
    store: Store
    sent: TokenPair
    key: str | None

    def arrives(self) -> "Answer":
        outcome = self.store.session.show(self.sent.refresh_token, key=self.key)
        return Answer(self, answer_of(outcome))


@dataclass(frozen=True)
class Answer:
    request: Request
    pair: TokenPair


@pytest.mark.parametrize("with_keys", [False, True])
@pytest.mark.parametrize("first_to_save", [0, 1])
@pytest.mark.parametrize("apart", [0, W, W + 1, DAY])
def test_two_tabs_over_one_store_go_on_whichever_answer_is_saved(clock, apart, first_to_save, with_keys):
    store = Store.of(log_in(), with_keys=with_keys)
    requests = [store.asks(), store.asks()]
    answers = [requests[0].arrives()]
    clock.shift(apart)
    answers.append(requests[1].arrives())

    saved = [store.saves(answers[first_to_save]), store.saves(answers[1 - first_to_save])]

    assert saved == [True, False]
    for _ in range(3):
        assert store.saves(store.asks().arrives())


@pytest.mark.parametrize("with_keys", [False, True])
def test_a_request_that_was_overtaken_by_the_other_tab_does_no_harm(clock, with_keys):
    store = Store.of(log_in(), with_keys=with_keys)
    slow = store.asks()
    store.saves(store.asks().arrives())
    clock.shift(DAY)

    late = slow.arrives()

    assert not store.saves(late)
    assert store.saves(store.asks().arrives())


def test_two_tabs_of_an_exact_family_share_the_key_and_so_the_answer(clock):
    store = Store.of(exact_session(), with_keys=True)
    requests = [store.asks(), store.asks()]

    answers = [request.arrives() for request in requests]

    assert answers[0].pair.refresh_token == answers[1].pair.refresh_token
    assert store.saves(answers[1])
    assert store.saves(store.asks().arrives())


@pytest.mark.django_db(transaction=True)
def test_the_254th_sibling_is_answered_and_the_next_one_refused_without_harm(clock):
    session = log_in()
    newest = session.refresh_and_lose_the_answer()
    for _ in range(254):
        clock.shift(W + 1)
        outcome = session.show(session.pair.refresh_token)
        assert isinstance(outcome, Sibling)
        newest = outcome.pair
    clock.shift(W + 1)

    outcome = session.show(session.pair.refresh_token)

    assert outcome == Refused(Cause.BRANCHES_FULL, session.family_id)
    assert isinstance(session.show(newest.refresh_token), Rotated)


def test_the_same_key_may_be_sent_more_often_than_there_are_branches(clock):
    session = exact_session()
    lost = session.refresh_and_lose_the_answer(key=KEY)
    before = row_of(session)

    answers = {session.refresh_and_lose_the_answer(key=KEY).refresh_token for _ in range(260)}

    assert answers == {lost.refresh_token}
    assert row_of(session) == before


def test_a_missing_key_of_an_exact_family_consumes_nothing(clock):
    session = exact_session()

    assert session.show(session.pair.refresh_token) == Refused(Cause.MISSING_KEY, session.family_id)
    assert isinstance(session.show(session.pair.refresh_token, key=KEY), Rotated)


def test_a_first_key_that_comes_late_makes_no_family_exact(clock):
    session = log_in()
    session.refresh_and_lose_the_answer(key=KEY)

    assert isinstance(session.show(session.pair.refresh_token, key=OTHER_KEY), Repeated)
    assert isinstance(session.show(session.pair.refresh_token), Repeated)


@pytest.mark.parametrize(
    ("grace", "age", "left"),
    [
        # access tokens live 300 s; with at least max(W, 10 s) left the first one's expiry is handed out
        (10, 0, 300),
        (10, 289, 11),
        (10, 290, 10),
        (10, 291, 300),
        (10, DAY, 300),
        (60, 240, 60),
        (60, 241, 300),
        (0, 290, 10),
        (0, 291, 300),
    ],
)
def test_the_access_token_of_a_repeat_is_worth_having(clock, settings, grace, age, left):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"tested": {"grace": grace}}}
    session = log_in(client=ClientFactory(policy="tested"))
    first = claims_of(session.refresh_and_lose_the_answer(key=KEY).access_token)
    clock.shift(age)

    again = claims_of(session.refresh(key=KEY).access_token)

    assert again.exp - (first.iat + age) == left
    assert again.jti == first.jti


@pytest.mark.parametrize("age", [1_000, 1_100, 1_150, 1_199])
def test_the_access_token_of_a_repeat_never_outlives_its_refresh_token(clock, settings, age):
    short = {"idle": 1_200, "absolute": 1_200}
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"short": short}}
    session = log_in(client=ClientFactory(policy="short"))
    session.refresh_and_lose_the_answer(key=KEY)
    clock.shift(age)

    again = session.refresh(key=KEY)

    assert again.access_expires_at == again.refresh_expires_at
    assert again.refresh_expires_at == session.family.absolute_expires_at


def test_a_client_that_asks_too_often_loses_nothing_by_it(clock, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"refresh_family": "3/minute"}}
    session = log_in()
    for _ in range(3):
        session.refresh_and_lose_the_answer()
    outcome = session.show(session.pair.refresh_token)
    assert outcome.cause is Cause.THROTTLED

    clock.shift(outcome.retry_after)

    assert isinstance(session.show(session.refresh().refresh_token), Rotated)


def test_each_answer_to_one_parent_may_be_the_one_that_arrives(clock):
    session = log_in()
    answers = [session.refresh_and_lose_the_answer()]
    for _ in range(3):
        clock.shift(HOUR)
        answers.append(session.refresh_and_lose_the_answer())

    outcome = session.show(answers[1].refresh_token)

    assert isinstance(outcome, Rotated)
    assert isinstance(session.show(outcome.pair.refresh_token), Rotated)


@pytest.mark.django_db(transaction=True)
def test_a_lost_answer_over_http_is_given_again_with_what_remains_of_it(client, clock):
    session = log_in()
    body = {"refresh_token": session.pair.refresh_token, "client_id": session.client.client_id}
    request = {"content_type": "application/json", "secure": True, "headers": {"Idempotency-Key": KEY}}
    lost = client.post("/auth/token/refresh/", body, **request).json()
    clock.shift(100)

    again = client.post("/auth/token/refresh/", body, **request).json()

    assert again["refresh_token"] == lost["refresh_token"]
    assert (lost["expires_in"], again["expires_in"]) == (300, 200)
    assert (lost["refresh_expires_in"], again["refresh_expires_in"]) == (IDLE, IDLE - 100)


@dataclass
class Walk:
    """A client of many tabs that keeps its side; network, time and tabs are left to chance."""

    store: Store
    clock: time_machine.Traveller
    chance: random.Random
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def step(self) -> str:
        """Do one thing and say what it was."""
        moves = [self.asks, self.arrives, self.arrives, self.arrives_twice, self.saves, self.saves]
        return self.chance.choice([*moves, self.loses, self.waits])()

    def asks(self) -> str:
        self.requests.append(self.store.asks())
        return "a tab asks"

    def arrives(self) -> str:
        request = self.drawn(self.requests)
        return "nothing is on its way" if request is None else self._is_answered(request)

    def arrives_twice(self) -> str:
        if not self.requests:
            return "nothing is on its way"
        return self._is_answered(self.chance.choice(self.requests))

    def saves(self) -> str:
        answer = self.drawn(self.answers)
        return "an answer is saved" if answer and self.store.saves(answer) else "an answer is dropped"

    def loses(self) -> str:
        self.drawn(self.answers)
        return "an answer is lost"

    def waits(self) -> str:
        seconds = self.chance.choice([1, W, W + 1, 280, HOUR, DAY])
        sent = [self.store.pair, *(request.sent for request in self.requests)]
        # after its token's expiry a client has to log in, whatever it keeps
        left = min(pair.refresh_expires_at for pair in sent) - timezone.now()
        if seconds < left.total_seconds():
            self.clock.shift(seconds)
        return f"{seconds} s pass"

    def drawn(self, things: list[Thing]) -> Thing | None:
        return things.pop(self.chance.randrange(len(things))) if things else None

    def _is_answered(self, request: Request) -> str:
        answer = request.arrives()
        self.answers.append(answer)
        assert self.store.session.accepts(answer.pair.access_token)
        newest = self.store.pair.refresh_token
        if request.sent.refresh_token == newest:
            # the token before it may not arrive any more: no server could tell it from a thief's
            self.requests = [each for each in self.requests if each.sent.refresh_token == newest]
        return "a request is answered"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("policy", ["window", "window with keys", "exact"])
def test_a_client_that_keeps_its_side_is_never_refused(clock, settings, policy):
    seed = int(os.environ.get("WALK_SEED") or random.randrange(10**9))
    print(f"WALK_SEED={seed}")
    rules = {"absolute": 3_650 * DAY, "repeat": "exact" if policy == "exact" else "window"}
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"walked": rules}}
    store = Store.of(log_in(client=ClientFactory(policy="walked")), with_keys=policy != "window")
    walk = Walk(store, clock, random.Random(f"{seed} {policy}"))

    for number in range(600):
        print(number, walk.step())

    assert store.session.family.revoked_at is None
    assert store.session.family.generation > 10
