"""The floors of a process: merging, ending, and what a token is refused for."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenauth.errors import Cause
from tokenauth.revocation.mirror import FOREVER, Answer, Floors, Kind, Mirror, Order
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
    return Answer(plane, n, 300, 0, 0, own, numbered, tuple(waiting))


class TestAMirrorThatPolls:
    def test_applies_orders_that_have_no_number_yet(self):
        mirror = Mirror()

        mirror.take(answer(n=0, waiting=[order(Kind.USER, "7", 5)]))

        assert mirror.floors.why_refused(claims()) is Cause.ACCOUNT_CHANGED
        assert mirror.number == 0

    def test_gives_an_order_its_end_once_it_is_numbered(self):
        mirror = Mirror()
        mirror.take(answer(n=0, waiting=[order(Kind.USER, "7", 5)]))

        mirror.take(answer(order(Kind.USER, "7", 5, until=100, number=1), n=1))
        mirror.floors.drop_expired(100)

        assert len(mirror.floors) == 0

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
