"""An order on a wire: believed only from one of us, of this plane and this version."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.notifiers.message import pack, unpack

PLANE, KEY, OLDER = uuid.UUID(int=7), b"k" * 32, b"o" * 32
ORDER = Order(5, 3, Kind.USER, "ada", 2, 1_800_000_000.5)

orders = st.builds(
    Order,
    id=st.integers(1, 2**63 - 1),
    number=st.integers(1, 2**63 - 1),
    kind=st.sampled_from(Kind),
    key=st.text(max_size=255),
    floor=st.integers(-(2**63), 2**63 - 1),
    until=st.floats(0, 1e12),
)


@given(order=orders)
def test_an_order_arrives_as_it_was_sent(order):
    assert unpack(pack(order, plane_id=PLANE, key=KEY), plane_id=PLANE, keys=[KEY]) == order


@given(at=st.integers(0, 200), bit=st.integers(0, 7), order=orders)
def test_no_bit_of_it_can_be_changed(at, bit, order):
    packed = bytearray(pack(order, plane_id=PLANE, key=KEY))
    packed[at % len(packed)] ^= 1 << bit

    assert unpack(bytes(packed), plane_id=PLANE, keys=[KEY]) is None


@pytest.mark.parametrize("length", [0, 1, 32, 33, 60, 82])
def test_one_that_was_cut_is_nothing(length):
    assert unpack(pack(ORDER, plane_id=PLANE, key=KEY)[:length], plane_id=PLANE, keys=[KEY]) is None


def test_another_planes_numbers_mean_nothing():
    packed = pack(ORDER, plane_id=uuid.UUID(int=8), key=KEY)

    assert unpack(packed, plane_id=PLANE, keys=[KEY]) is None


def test_one_of_a_newer_version_is_left_to_the_database():
    packed = pack(ORDER, plane_id=PLANE, key=KEY)

    assert unpack(b"\x02" + packed[1:], plane_id=PLANE, keys=[KEY]) is None


def test_a_key_that_is_going_out_of_use_still_verifies():
    packed = pack(ORDER, plane_id=PLANE, key=OLDER)

    assert unpack(packed, plane_id=PLANE, keys=[KEY, OLDER]) == ORDER
    assert unpack(packed, plane_id=PLANE, keys=[KEY]) is None


def test_a_kind_of_a_newer_release_is_left_to_the_database(monkeypatch):
    packed = pack(Order(5, 3, 99, "ada", 2, 2e9), plane_id=PLANE, key=KEY)

    assert unpack(packed, plane_id=PLANE, keys=[KEY]) is None
