"""What a service without a database may believe: the beat of who asked it, and orders without a gap."""

import time
import uuid

import pytest
from django.utils import timezone
from redis import RedisError

from tests.revocation.notifiers.conftest import STREAM, plane_id
from tests.sessions import log_in
from tokenauth.flows import revoke
from tokenauth.models import Plane, RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation import numbering
from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.notifiers import beat as beats
from tokenauth.revocation.notifiers import beating, message, names, plane_keys, stream
from tokenauth.revocation.notifiers.beat import Beat
from tokenauth.revocation.notifiers.beating import Heart
from tokenauth.revocation.notifiers.reader import Reader, State
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)

BEAT = names.beat(names.DEFAULT)
BOUND = 60


@pytest.fixture
def heart(on_redis):
    """The thread's turns, taken by hand. The plane's row is there."""
    assert log_in().accepts()
    heart = Heart()
    yield heart
    heart.rest()


@pytest.fixture
def reader(redis, heart) -> Reader:
    return Reader(redis.client(), plane_keys.verifying(), bound=BOUND)


def revoke_another() -> Order:
    session = log_in()
    revoke(OfUser(users.key_of(session.user)))
    row = RevocationOrder.objects.latest("number")
    return Order(row.pk, row.number, Kind(row.kind), row.key, row.floor, row.until.timestamp())


def beat(heart, redis) -> None:
    """Another beat, whenever the last one was."""
    redis.client().delete(BEAT)
    assert heart.turn("news")


def write_beat(redis, *, age: float, number: int, key: bytes | None = None, furthest: float = 1e9) -> bool:
    seconds, microseconds = redis.client().time()
    held = Beat(seconds * 1_000_000 + microseconds - int(age * 1_000_000), number, plane_id())
    mac = held.mac(key or plane_keys.sealing())
    facts = (held.time, int(furthest * 1_000_000), number, held.plane_id.bytes, mac, 0)
    return bool(redis.client().eval(beats.WRITE, 1, BEAT, *facts))


class TestTheReader:
    def test_learns_orders_and_their_age_from_before_its_question(self, reader, heart, redis):
        order = revoke_another()
        beat(heart, redis)
        reader.read(0, None)
        beat(heart, redis)
        before = reader._now()

        read = reader.read(0, plane_id())

        assert (read.state, read.orders, read.plane_id) == (State.CURRENT, (order,), plane_id())
        assert read.as_of is not None
        assert read.as_of <= before

    def test_counts_the_beats_age_by_redis_own_clock(self, reader, redis):
        reader.read(0, None)
        write_beat(redis, age=7, number=0)
        before = reader._now()

        read = reader.read(0, plane_id())

        assert read.as_of is not None
        assert read.as_of <= before - 7

    def test_does_not_believe_the_first_beat_that_it_meets(self, reader, heart, redis):
        beat(heart, redis)

        assert reader.read(0, plane_id()).state is State.WAITING

    def test_knows_nothing_where_orders_are_missing(self, reader, heart, redis):
        for _ in range(3):
            revoke_another()
        beat(heart, redis)
        reader.read(0, None)
        beat(heart, redis)
        redis.client().xdel(STREAM, "2-0")

        read = reader.read(0, plane_id())

        assert (read.state, [order.number for order in read.orders], read.as_of) == (State.LOST, [1], None)

    def test_knows_nothing_where_the_stream_was_emptied(self, reader, heart, redis):
        revoke_another()
        beat(heart, redis)
        redis.client().delete(STREAM)

        assert reader.read(0, plane_id()).state is State.LOST

    def test_goes_on_from_where_the_beat_stands_though_the_stream_is_empty(self, reader, heart, redis):
        revoke_another()
        beat(heart, redis)
        reader.read(1, None)
        redis.client().delete(STREAM)
        beat(heart, redis)

        assert reader.read(1, plane_id()).state is State.CURRENT

    def test_believes_no_forged_beat(self, reader, redis):
        reader.read(0, None)
        write_beat(redis, age=0, number=0, key=b"x" * 32)

        assert reader.read(0, plane_id()).state is State.WAITING

    def test_believes_no_beat_with_a_younger_time(self, reader, redis):
        reader.read(0, None)
        write_beat(redis, age=9, number=0)
        seconds, microseconds = redis.client().time()
        redis.client().hset(BEAT, "time", seconds * 1_000_000 + microseconds)

        assert reader.read(0, plane_id()).state is State.WAITING

    def test_believes_no_forged_order(self, reader, redis):
        reader.read(0, None)
        forged = message.pack(Order(1, 1, Kind.USER, "ada", 1, 2e9), plane_id=plane_id(), key=b"x" * 32)
        redis.client().xadd(STREAM, {"v": "1", "m": forged}, id="1-0")
        write_beat(redis, age=0, number=0)

        assert reader.read(0, plane_id()).orders == ()

    def test_loses_its_place_in_another_history(self, reader, heart, redis):
        beat(heart, redis)

        assert reader.read(0, uuid.uuid4()).state is State.LOST

    def test_waits_where_nobody_beats(self, reader):
        assert reader.read(0, None).state is State.WAITING

    def test_goes_through_more_than_a_page(self, reader, heart, redis, monkeypatch):
        monkeypatch.setattr(stream, "PAGE", 2)
        for _ in range(3):
            revoke_another()
        beat(heart, redis)
        reader.read(3, None)
        beat(heart, redis)

        first = reader.read(0, plane_id())
        second = reader.read(2, plane_id())

        assert (first.state, len(first.orders)) == (State.WAITING, 2)
        assert (second.state, len(second.orders)) == (State.CURRENT, 1)

    def test_says_so_where_redis_is_gone(self, reader, redis):
        redis.kill()

        with pytest.raises(RedisError):
            reader.read(0, None)

    def test_a_beat_grows_no_younger_where_the_clock_is_set_back(self, reader, redis, monkeypatch):
        reader.read(0, None)
        write_beat(redis, age=5, number=0)
        first = reader.read(0, plane_id()).as_of
        real = reader._ask
        monkeypatch.setattr(reader, "_ask", lambda number: (real(number)[0] - 4, *real(number)[1:]))

        second = reader.read(0, plane_id()).as_of

        assert first is not None
        assert second is not None
        assert second <= first

    def test_a_server_whose_clock_is_behind_is_believed_from_its_next_beat_on(
        self, reader, redis, monkeypatch
    ):
        reader.read(0, None)
        write_beat(redis, age=30, number=0)
        real, back = reader._ask, [20.0]
        monkeypatch.setattr(reader, "_ask", lambda number: (real(number)[0] - back[0], *real(number)[1:]))

        after_failover = reader.read(0, plane_id())
        write_beat(redis, age=20, number=0)
        after_its_beat = reader.read(0, plane_id())

        assert after_failover.state is State.WAITING
        assert after_its_beat.state is State.CURRENT


class TestTheBeat:
    def test_is_refused_where_time_moved_on_since_it_was_taken(self, heart, redis):
        assert not write_beat(redis, age=16, number=0, furthest=15)
        assert write_beat(redis, age=14, number=0, furthest=15)

    def test_is_refused_where_the_number_fell(self, heart, redis):
        assert write_beat(redis, age=1, number=5)
        assert not write_beat(redis, age=0, number=4)

    def test_is_refused_where_a_younger_one_lies(self, heart, redis):
        assert write_beat(redis, age=1, number=5)
        assert not write_beat(redis, age=2, number=5)

    def test_takes_the_place_of_one_from_the_future_or_of_another_history(self, heart, redis):
        assert write_beat(redis, age=1, number=5)
        redis.client().hincrby(BEAT, "time", 100_000_000)
        assert write_beat(redis, age=0, number=5)
        Plane.objects.update(plane_id=uuid.uuid4())
        assert write_beat(redis, age=0, number=2)

    def test_is_made_by_one_process_of_many(self, heart, redis):
        another = Heart()

        first, second = heart.turn("news"), another.turn("news")
        another.rest()

        assert (first, second) == (True, False)

    def test_takes_the_place_of_a_forged_one(self, heart, redis):
        write_beat(redis, age=0, number=10**9, key=b"x" * 32)

        assert heart.turn("news")

    def test_counts_every_committed_order(self, heart, redis):
        RevocationOrder.objects.create(kind=OrderKind.USER, key="ada", floor=1, at=timezone.now())

        assert heart.turn("news")
        assert redis.client().hget(BEAT, "number") == b"1"
        assert [id_ for id_, _ in redis.client().xrange(STREAM)] == [b"1-0"]

    def test_is_left_out_while_orders_wait_for_their_number(self, heart, redis, monkeypatch):
        RevocationOrder.objects.create(kind=OrderKind.USER, key="ada", floor=1, at=timezone.now())
        monkeypatch.setattr(numbering, "number_visible", lambda connection, **more: [])

        assert not heart.turn("news")

    def test_is_timed_before_the_database_is_asked(self, heart, redis, monkeypatch):
        said = []
        real = beating.source.ask

        def ask(*args, **kwargs):
            said.append(redis.client().time())
            return real(*args, **kwargs)

        monkeypatch.setattr(beating.source, "ask", ask)

        assert heart.turn("news")
        assert int(redis.client().hget(BEAT, "time")) <= said[0][0] * 1_000_000 + said[0][1]

    def test_comes_after_the_orders_that_a_publisher_died_with(self, heart, redis, monkeypatch):
        monkeypatch.setattr("tokenauth.revocation.orders.publishing.publish", lambda orders: None)
        revoke_another()
        first = stream.packed([revoke_another()], plane_id(), plane_keys.sealing())
        redis.client().xadd(STREAM, {"v": "1", "m": first[0][1]}, id="2-0")
        revoke_another()

        assert heart.turn("news")
        assert [id_ for id_, _ in redis.client().xrange(STREAM)] == [b"2-0", b"3-0"]

    @pytest.mark.parametrize("id_", ["3-0", "18446744073709551615-0"])
    def test_throws_away_a_stream_that_is_ahead_of_the_database(self, heart, redis, id_):
        redis.client().xadd(STREAM, {"v": "1", "m": "anything"}, id=id_)

        assert heart.turn("news")
        assert redis.client().exists(STREAM) == 0

    def test_throws_away_a_stream_of_orders_that_the_database_lost(self, heart, redis):
        order = revoke_another()
        lost = stream.packed(
            [Order(order.id + 1, 1, order.kind, order.key, order.floor, order.until)],
            plane_id(),
            plane_keys.sealing(),
        )
        redis.client().delete(STREAM)
        stream.add(redis.client(), STREAM, lost)

        assert heart.turn("news")
        assert redis.client().exists(STREAM) == 0

    def test_outlives_both_servers(self, heart, redis):
        redis.kill()
        assert not heart.turn("news")
        redis.start()
        assert heart.turn("news")


def test_orders_that_the_database_lost_leave_the_stream_when_their_numbers_are_used_again(heart, redis):
    lost = Order(99, 1, Kind.USER, "lost", 1, 2e9)
    stream.add(redis.client(), STREAM, stream.packed([lost], plane_id(), plane_keys.sealing()))

    order = revoke_another()

    ((_, fields),) = redis.client().xrange(STREAM)
    assert message.unpack(fields[b"m"], plane_id=plane_id(), keys=plane_keys.verifying()) == order


def test_a_site_with_a_mirror_thread_beats(on_redis, redis):
    on_redis.TOKENAUTH = {**on_redis.TOKENAUTH, "MIRROR": "auto", "STALENESS_BOUND": 1}

    assert log_in().accepts()

    until = time.monotonic() + 20
    while not redis.client().exists(BEAT):
        assert time.monotonic() < until
        time.sleep(0.02)
