"""A head start from Redis: the same orders sooner, and nothing at all where it lies."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.revocation.notifiers.conftest import STREAM
from tests.sessions import log_in
from tokenauth.flows import housekeeping, revoke
from tokenauth.flows.housekeeping import Ran, propagate
from tokenauth.models import Plane, RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation import head_start
from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.notifiers import names, plane_keys, snapshot
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)

NAME = names.snapshot(names.DEFAULT)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Two orders are worth it, in pieces of two."""
    monkeypatch.setattr(head_start, "WORTHWHILE", 2)
    monkeypatch.setattr(propagate, "WORTHWHILE", 2)
    monkeypatch.setattr(snapshot.in_pieces, "__defaults__", (2,))


@pytest.fixture
def session(on_redis):
    """A session that was revoked, its order one of five in a snapshot."""
    session = log_in()
    revoke(OfUser(users.key_of(session.user)))
    for n in range(4):
        revoke(OfUser(f"other {n}"))
    assert housekeeping.run("propagate_orders") == Ran(5)
    MIRROR.forget()
    return session


def test_a_cold_process_loads_it_and_asks_for_the_rest(session, asked):
    assert not session.accepts()

    assert asked == [5, 5]
    assert MIRROR.health().number == 5


def test_what_was_revoked_since_is_in_force_too(session):
    later = log_in()
    revoke(OfUser(users.key_of(later.user)))

    assert not later.accepts()
    assert not session.accepts()


def revoke_in_the_past_of_another_plane(redis):
    Plane.objects.update(plane_id=uuid.uuid4())


def let_the_database_go_back(redis):
    RevocationOrder.objects.filter(number__gt=3).delete()
    Plane.objects.update(n=3)


def let_the_numbers_be_anothers(redis):
    last = RevocationOrder.objects.get(number=5)
    RevocationOrder.objects.filter(number=5).delete()
    last.pk += 1000
    last.save(force_insert=True)


def forge_the_head(redis):
    raw = bytearray(redis.client().get(NAME))
    raw[-3] ^= 1
    redis.client().set(NAME, bytes(raw))


def change_a_piece(redis):
    (key,) = redis.client().keys(f"{NAME.replace('{', '[{]')}:*:1")
    raw = bytearray(redis.client().get(key))
    raw[-1] ^= 1
    redis.client().set(key, bytes(raw))


def evict_a_piece(redis):
    redis.client().delete(*redis.client().keys("*:snapshot:*:1"))


def exchange_two_pieces(redis):
    first, second = (redis.client().keys(f"*:snapshot:*:{n}")[0] for n in (0, 1))
    redis.client().copy(first, second, replace=True)


@pytest.mark.parametrize(
    "trouble",
    [
        revoke_in_the_past_of_another_plane,
        let_the_database_go_back,
        let_the_numbers_be_anothers,
        forge_the_head,
        change_a_piece,
        evict_a_piece,
        exchange_two_pieces,
        lambda redis: redis.kill(),
        lambda redis: redis.client().flushall(),
    ],
)
def test_one_that_lies_changes_nothing_but_the_time_it_takes(session, redis, trouble, caplog):
    alive = log_in()
    MIRROR.forget()
    trouble(redis)

    assert not session.accepts()
    assert alive.accepts()
    assert MIRROR.health().number == Plane.objects.get().n
    assert "database_behind" not in caplog.text


def test_an_order_that_has_expired_is_not_in_it(on_redis, redis):
    assert log_in().accepts()
    revoke(OfUser("first"))
    RevocationOrder.objects.update(until=timezone.now() - timedelta(hours=1))
    for n in range(3):
        revoke(OfUser(f"other {n}"))

    assert housekeeping.run("propagate_orders", force=True) == Ran(3)


def test_it_is_made_again_once_enough_has_changed(session, clock, redis):
    before = redis.client().get(NAME)
    assert housekeeping.run("propagate_orders", force=True) == Ran(0)
    assert redis.client().get(NAME) == before

    revoke(OfUser("another"))

    assert housekeeping.run("propagate_orders", force=True) == Ran(6)
    assert redis.client().get(NAME) != before
    assert len(redis.client().keys("*:snapshot:*")) == 3


def test_none_is_made_without_the_orders_of_a_newer_release(session, redis):
    redis.client().flushall()
    RevocationOrder.objects.filter(number=1).update(kind=99)

    assert housekeeping.run("propagate_orders", force=True) == Ran(0)


def test_what_nobody_published_is_published(session, redis, monkeypatch):
    monkeypatch.setattr("tokenauth.revocation.orders.publishing.publish", lambda *told: None)
    revoke(OfUser("another"))
    RevocationOrder.objects.create(kind=OrderKind.USER, key="unnumbered", floor=1, at=timezone.now())

    housekeeping.run("propagate_orders", force=True)

    assert [id_ for id_, _ in redis.client().xrange(STREAM)][-2:] == [b"6-0", b"7-0"]


def test_a_piece_says_what_was_packed():
    orders = [Order(0, 9, Kind(n % 9 + 1), f"key {n} ü", n - 2, 1e9 + n) for n in range(10)]

    assert snapshot.unpack(snapshot.pack(orders), 9) == orders


def test_a_service_without_a_database_can_begin_with_it(session, redis):
    head = snapshot.head(redis.client(), NAME, plane_keys.verifying())
    orders = [
        o for piece in snapshot.pieces(redis.client(), NAME, head, plane_keys.verifying()) for o in piece
    ]

    assert head.number == 5
    assert {order.key for order in orders} >= {users.key_of(session.user), "other 3"}
