"""The floors of a process: merging, ending, and what a token is refused for."""

import os
import subprocess
import sys
import threading
import uuid
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenauth.errors import Cause
from tokenauth.revocation import mirror, table
from tokenauth.revocation.mirror import FOREVER, Answer, Floors, Kind, Mirror, Order
from tokenauth.revocation.table import Table
from tokenauth.tokens.claims import AccessClaims, Epochs

SID, DID = "11111111-1111-7111-8111-111111111111", "22222222-2222-7222-8222-222222222222"


def claims(**changes) -> AccessClaims:
    return AccessClaims(
        **{
            "iss": "https://issuer.test",
            "sub": "7",
            "aud": ("https://issuer.test",),
            "client_id": "web",
            "iat": 1_000,
            "exp": 1_300,
            "jti": "jti",
            "session": SID,
            "device": DID,
            "gen": 3,
            "br": 0,
            "ep": Epochs(site=1, client=2, device=3, user=4),
            "scope": "",
            "auth_time": 1_000,
            "kid": "kid",
            **changes,
        }
    )


def order(
    kind: Kind, key: str = "", floor: int = 0, *, until: float = FOREVER, number: int | None = None
) -> Order:
    return Order(id=number or 0, number=number, kind=kind, key=key, floor=floor, until=until)


def floors_of(*orders: Order) -> Floors:
    floors = Floors()
    floors.apply(orders)
    return floors


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (order(Kind.SITE, "", 2), Cause.REVOKED),
        (order(Kind.BEFORE, "", 1_001), Cause.REVOKED),
        (order(Kind.CLIENT, "web", 3), Cause.REVOKED),
        (order(Kind.DEVICE, DID, 4), Cause.REVOKED),
        (order(Kind.USER, "7", 5), Cause.ACCOUNT_CHANGED),
        (order(Kind.FAMILY, SID), Cause.ENDED),
        (order(Kind.JTI, "jti"), Cause.REVOKED),
        (order(Kind.KID, "kid"), Cause.REVOKED),
        (order(Kind.GENERATION, SID, 4), Cause.ENDED),
    ],
    ids=lambda value: getattr(getattr(value, "kind", None), "name", ""),
)
def test_each_kind_of_order_refuses_what_it_concerns(given, cause):
    assert floors_of(given).why_refused(claims()) is cause


@pytest.mark.parametrize(
    "given",
    [
        order(Kind.SITE, "", 1),
        order(Kind.BEFORE, "", 1_000),
        order(Kind.CLIENT, "web", 2),
        order(Kind.CLIENT, "other", 9),
        order(Kind.DEVICE, DID, 3),
        order(Kind.USER, "7", 4),
        order(Kind.USER, "77", 9),
        order(Kind.FAMILY, DID),
        order(Kind.GENERATION, SID, 3),
    ],
    ids=lambda given: f"{given.kind.name}-{given.key}-{given.floor}",
)
def test_a_token_at_or_above_a_floor_lives(given):
    assert floors_of(given).why_refused(claims()) is None


def test_a_token_dies_with_the_account_of_who_acts_in_it_too():
    acted = claims(act="9", act_ep=4)

    assert floors_of(order(Kind.USER, "9", 5)).why_refused(acted) is Cause.ACCOUNT_CHANGED
    assert floors_of(order(Kind.USER, "9", 4)).why_refused(acted) is None
    assert floors_of(order(Kind.USER, "", 9)).why_refused(claims()) is None


_orders = st.lists(
    st.builds(
        order,
        st.sampled_from(list(Kind)),
        st.sampled_from(["", "7", "web", SID, DID, "jti", "kid"]),
        st.integers(0, 5),
        until=st.sampled_from([10.0, 20.0, FOREVER]),
    )
)


@given(orders=_orders, again=st.randoms(use_true_random=False))
def test_repeats_and_reordering_change_nothing(orders, again):
    shuffled = [*orders, *orders]
    again.shuffle(shuffled)

    assert floors_of(*shuffled) == floors_of(*orders)


@given(first=_orders, second=_orders)
def test_merging_two_mirrors_is_applying_both(first, second):
    merged = floors_of(*first)
    merged.merge(floors_of(*second))

    assert merged == floors_of(*first, *second)


def test_what_no_token_can_concern_any_more_is_dropped():
    floors = floors_of(order(Kind.USER, "7", 5, until=100), order(Kind.USER, "8", 5, until=200))

    floors.drop_expired(100)

    assert (len(floors), floors.floor(Kind.USER, "8")) == (1, 5)


PLANE = uuid.uuid4()


def answer(*numbered: Order, n: int, own: int | None = None, plane: uuid.UUID = PLANE, waiting=()) -> Answer:
    read_to = (numbered[-1].number, numbered[-1].id) if numbered else None
    return Answer(plane, n, 300, 0, 0, own, numbered, tuple(waiting), read_to=read_to)


class TestAMirrorThatPolls:
    def test_applies_orders_that_have_no_number_yet(self):
        mirror = Mirror()

        mirror.take(answer(n=0, waiting=[order(Kind.USER, "7", 5)]))

        assert mirror.floors.why_refused(claims()) is Cause.ACCOUNT_CHANGED
        assert mirror.number == 0

    def test_gives_an_order_its_end_once_it_is_numbered(self):
        mirror = Mirror()
        mirror.take(answer(n=0, waiting=[order(Kind.USER, "7", 5)._replace(id=1)]))

        mirror.take(answer(order(Kind.USER, "7", 5, until=100, number=1), n=1))
        mirror.floors.drop_expired(100)

        assert len(mirror.floors) == 0
        assert mirror.waiting == set()

    def test_never_ends_what_still_waits_for_its_number(self):
        mirror = Mirror()
        mirror.take(answer(n=0, waiting=[order(Kind.USER, "7", 5)]))

        mirror.floors.drop_expired(1e12)

        assert mirror.floors.floor(Kind.USER, "7") == 5

    @pytest.mark.parametrize(
        "later",
        [
            answer(n=1, own=1),
            answer(n=2, own=99),
            answer(n=2, own=None),
            answer(n=2, own=2, plane=uuid.uuid4()),
        ],
        ids=["the number fell", "another order has its number", "its order is gone", "another plane"],
    )
    def test_sees_that_the_database_went_back(self, later):
        mirror = Mirror()
        assert mirror.take(answer(*[order(Kind.USER, "7", 5, until=9, number=n) for n in (1, 2)], n=2))

        assert not mirror.take(later)

    def test_goes_on_where_it_was(self):
        mirror = Mirror()
        mirror.take(answer(order(Kind.USER, "7", 5, until=9, number=1), n=1))

        assert mirror.take(answer(order(Kind.USER, "8", 1, until=9, number=2), n=2, own=1))
        assert mirror.number == 2


@pytest.fixture
def few(monkeypatch):
    """Beyond three entries of a kind a table holds them, as beyond some thousand in production."""
    monkeypatch.setattr(mirror, "FEW", 3)


_many_orders = st.lists(
    st.builds(
        order,
        st.sampled_from(list(Kind)),
        st.integers(0, 40).map(str),
        st.sampled_from([0, 1, 5, 2**32 - 1, 2**32, 2**62]),
        until=st.sampled_from([10.0, 20.5, 2e9, FOREVER]),
    ),
    max_size=200,
)


class TestManyOrders:
    @given(orders=_many_orders, now=st.sampled_from([0, 10, 15, 21, 3e9]))
    def test_are_judged_as_few_are(self, orders, now):
        plain = floors_of(*orders)
        with mock.patch.object(mirror, "FEW", 3):
            compact = floors_of(*orders)

        for held in (plain, compact):
            held.drop_expired(now)

        assert compact == plain
        assert len(compact) == len(plain)
        for kind in Kind:
            for key in map(str, range(42)):
                assert compact.floor(kind, key) == plain.floor(kind, key)
                assert compact.has_ended(kind, key) == plain.has_ended(kind, key)

    @given(first=_many_orders, second=_many_orders)
    def test_are_merged_as_few_are(self, first, second):
        with mock.patch.object(mirror, "FEW", 3):
            merged = floors_of(*first)
            merged.merge(floors_of(*second))

        assert merged == floors_of(*first, *second)

    def test_grow_shrink_and_are_all_found(self, few):
        floors = Floors()
        floors.apply(order(Kind.USER, str(n), n, until=1_000 + n) for n in range(20_000))
        full = floors.memory()
        assert all(floors.floor(Kind.USER, str(n)) == n for n in range(20_000))

        floors.drop_expired(1_000 + 19_000)

        assert len(floors) == 999
        assert floors.floor(Kind.USER, "19001") == 19_001
        assert not floors.has_ended(Kind.USER, "19000")
        assert floors.memory() < full * 0.6

    def test_drop_in_steps_and_answer_in_between(self, few):
        floors = Floors()
        floors.apply(order(Kind.USER, str(n), 1, until=10 if n % 2 else 99) for n in range(5_000))

        steps = 0
        for _ in floors.dropping_expired(10):
            steps += 1
            assert floors.floor(Kind.USER, "4") == 1

        assert steps > 100
        assert len(floors) == 2_500

    def test_get_their_end_once_they_are_numbered(self, few):
        floors = floors_of(*(order(Kind.FAMILY, str(n)) for n in range(10)))

        floors.settle(order(Kind.FAMILY, "4", until=100, number=1))
        floors.drop_expired(100)

        assert not floors.has_ended(Kind.FAMILY, "4")
        assert floors.has_ended(Kind.FAMILY, "5")

    def test_that_share_a_hash_refuse_too_much_and_never_too_little(self, few, monkeypatch):
        monkeypatch.setattr(table, "hash_of", lambda key: 7)
        floors = floors_of(*(order(Kind.USER, str(n), n, until=10 * n) for n in range(9)))
        held = Table()
        for n in range(9):
            held.raise_to(str(n), n, 10 * n)

        assert dict(held.by_hash()) == {7: (8, 80.0)}
        floors.drop_expired(79)
        assert len(floors) == 1

    def test_lie_where_no_stranger_can_foretell(self):
        program = "from tokenauth.revocation.table import hash_of; print(hash_of('7'))"
        seen = {
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": "1"},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for _ in range(2)
        }

        assert len(seen) == 2

    def test_are_found_by_who_asks_while_others_come_in(self, few):
        floors = Floors()
        floors.apply(order(Kind.USER, f"old{n}", 7) for n in range(200))
        done, missed = threading.Event(), []

        def ask() -> None:
            while not done.is_set():
                missed.extend(n for n in range(200) if floors.floor(Kind.USER, f"old{n}") != 7)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for n in range(30_000):
                floors.apply([order(Kind.USER, f"new{n}", 1, until=5)])
            floors.drop_expired(5)
        finally:
            done.set()
            asking.join()

        assert not missed


class TestOverItsMemory:
    def test_supersessions_go_first_the_shortest_life_first(self):
        floors = floors_of(
            *(order(Kind.GENERATION, f"s{n}", 1, until=100 + n) for n in range(100)),
            *(order(Kind.FAMILY, f"f{n}", until=50) for n in range(100)),
        )

        dropped = floors.shed_supersessions(floors.memory() * 3 // 4)

        assert 50 <= dropped <= 52
        assert not floors.has_ended(Kind.GENERATION, "s49")
        assert floors.has_ended(Kind.GENERATION, "s52")
        assert all(floors.has_ended(Kind.FAMILY, f"f{n}") for n in range(100))

    def test_a_table_gives_its_memory_back(self, few):
        floors = floors_of(*(order(Kind.GENERATION, f"s{n}", 1, until=100 + n) for n in range(20_000)))
        before = floors.memory()

        floors.shed_supersessions(before * 3 // 4)

        assert floors.memory() <= before * 0.75
        assert floors.has_ended(Kind.GENERATION, "s19999")

    def test_revocations_stay_whatever_they_take(self):
        floors = floors_of(*(order(Kind.FAMILY, f"f{n}", until=50) for n in range(100)))

        assert floors.shed_supersessions(0) == 0
        assert len(floors) == 100

    def test_what_has_no_number_yet_is_no_endless_work(self):
        floors = floors_of(*(order(Kind.GENERATION, f"s{n}", 1) for n in range(10)))

        floors.shed_supersessions(0)

        assert len(floors) in (0, 10)
