"""Orders by way of Redis: at once where it is well, by the poll where it is not, never wrong."""

import logging
import time
import uuid

import pytest
from django.utils import timezone

from tests.redis_servers import cache, redis_running, sentinel_running, wait_for
from tests.revocation.notifiers.conftest import STREAM, plane_id
from tests.sessions import log_in
from tests.silent import server as silent_server
from tokenauth.flows import revoke
from tokenauth.models import Plane, RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation import numbering
from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.notifiers import message, plane_keys, publishing, stream
from tokenauth.revocation.notifiers.publishing import publish
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)


def revoke_of(session) -> None:
    revoke(OfUser(users.key_of(session.user)))


def order(number: int, **changes) -> Order:
    facts = {"id": number, "number": number, "kind": Kind.USER, "key": "ada", "floor": 1, "until": 2e9}
    return Order(**{**facts, **changes})


def numbers_in(redis) -> list[int]:
    return [int(id_.split(b"-")[0]) for id_, _ in redis.client().xrange(STREAM)]


def test_an_order_arrives_without_a_question_to_the_database(on_redis, listener, elsewhere, asked):
    session = log_in()
    assert session.accepts()
    listener()
    asked.clear()

    revoke_of(session)

    wait_for(lambda: not session.accepts(), "the order arrives")
    assert asked == []


def test_entries_carry_number_version_and_nothing_that_could_be_presented(on_redis, redis):
    session = log_in()

    revoke_of(session)

    ((id_, fields),) = redis.client().xrange(STREAM)
    assert id_ == b"1-0"
    assert set(fields) == {b"v", b"m"}
    held = message.unpack(fields[b"m"], plane_id=plane_id(), keys=plane_keys.verifying())
    assert held is not None
    assert (held.number, held.kind) == (1, Kind.USER)


def test_who_numbers_first_and_tells_last_leaves_no_gap(on_redis, redis):
    log_in()
    for key in "ab":
        RevocationOrder.objects.create(kind=OrderKind.USER, key=key, floor=1, at=timezone.now())
    first = numbering.number_visible(MIRROR._connection())
    RevocationOrder.objects.create(kind=OrderKind.USER, key="c", floor=1, at=timezone.now())
    second = numbering.number_visible(MIRROR._connection())
    stream.add(redis.client(), STREAM, stream.packed(first[:1], plane_id(), plane_keys.sealing()))

    publish(second)
    publish(first)

    assert numbers_in(redis) == [1, 2, 3]


def test_a_gap_that_cannot_be_filled_begins_the_stream_anew(on_redis, redis):
    log_in()
    key = plane_keys.sealing()
    stream.add(redis.client(), STREAM, stream.packed([order(1)], plane_id(), key))

    publish([order(7), order(8)])

    assert numbers_in(redis) == [7, 8]


def test_forged_entries_revoke_nothing_and_hold_nothing_up(on_redis, redis, listener, elsewhere):
    session, other = log_in(), log_in()
    assert session.accepts()
    client = redis.client()
    forged = message.pack(order(1, key=users.key_of(other.user)), plane_id=plane_id(), key=b"x" * 32)
    client.xadd(STREAM, {"v": "1", "m": forged}, id="1-0")
    client.xadd(STREAM, {"v": "2", "n": "of a newer release"}, id="9999999-0")
    listener()

    revoke_of(session)
    MIRROR._asked_at = float("-inf")  # the poll, whose turn it is

    assert not session.accepts()
    assert other.accepts()


def test_a_removed_entry_sends_the_mirror_to_the_database(on_redis, redis, listener, elsewhere):
    session = log_in()
    assert session.accepts()
    revoke_of(session)
    revoke_of(log_in())
    redis.client().xdel(STREAM, "1-0")

    listener()

    wait_for(MIRROR._woken.is_set, "the mirror is sent to the database")
    assert MIRROR.health().number == 0


@pytest.mark.parametrize("how", ["flushed", "restarted empty"])
def test_an_emptied_redis_goes_on_with_the_next_order(on_redis, redis, listener, elsewhere, how):
    first, second = log_in(), log_in()
    assert second.accepts()
    listener()
    revoke_of(first)
    wait_for(lambda: not first.accepts(), "the first order arrives")

    if how == "flushed":
        redis.client().flushall()
    else:
        redis.kill()
        redis.start()
        publishing.BREAKER.succeeded()
    MIRROR._woken.clear()
    revoke_of(second)

    wait_for(lambda: not second.accepts(), "the second order arrives")
    assert numbers_in(redis) == [2]


def test_every_reconnection_sends_the_mirror_to_the_database(on_redis, redis, listener):
    assert log_in().accepts()
    listener()
    wait_for(MIRROR._woken.is_set, "the first connection")
    MIRROR._woken.clear()

    redis.kill()
    redis.start()

    wait_for(MIRROR._woken.is_set, "the second connection")


@pytest.mark.parametrize("trouble", ["killed", "stopped", "no stream"])
def test_a_caller_meets_no_error_and_waits_once(on_redis, redis, trouble, caplog, monkeypatch):
    session = log_in()
    revoke_of(session)
    if trouble == "killed":
        redis.kill()
    elif trouble == "stopped":
        redis.pause()
    else:
        redis.client().delete(STREAM)
        redis.client().set(STREAM, "something else")
    tried = []
    real = stream.add
    monkeypatch.setattr(stream, "add", lambda *a, **k: tried.append(1) or real(*a, **k))

    with caplog.at_level(logging.INFO, "tokenauth.security"):
        for _ in range(5):
            revoke_of(log_in())

    redis.resume()
    assert tried == [1]
    lines = [record.message for record in caplog.records if "notifier" in record.message]
    assert len(lines) == 1
    assert lines[0].startswith("notifier_unreachable")
    assert RevocationOrder.objects.filter(number=None).count() == 0


def test_a_silent_server_holds_nobody_longer_than_it_may(on_redis, monkeypatch):
    log_in()
    plane = plane_id()
    with silent_server() as port:
        on_redis.CACHES = {**on_redis.CACHES, "news": cache(f"redis://127.0.0.1:{port}/0?socket_timeout=9")}
        publishing.alias.CLIENTS.forget()
        before = time.monotonic()

        publish([order(1)], plane)

        took = time.monotonic() - before
    assert publishing.BREAKER.is_open()
    # the address asks for 9 seconds; a guard against those, not a budget
    assert took < 5


def test_a_redis_that_is_back_is_told_again(on_redis, redis):
    session = log_in()
    redis.kill()
    revoke_of(session)
    redis.start()
    publishing.BREAKER._until = 0  # the pause is over

    revoke_of(log_in())

    assert numbers_in(redis) == [2]


def test_a_stream_of_another_history_is_not_believed(on_redis, redis, listener):
    session = log_in()
    assert session.accepts()
    other = stream.packed([order(1, key=users.key_of(session.user))], uuid.uuid4(), plane_keys.sealing())
    stream.add(redis.client(), STREAM, other)

    listener()

    wait_for(MIRROR._woken.is_set, "the mirror is sent to the database")
    assert session.accepts()
    assert Plane.objects.get().n == 0


def test_it_never_makes_a_mirror_fresh(on_redis, listener, elsewhere, monkeypatch):
    session, other = log_in(), log_in()
    assert session.accepts()
    listener()
    asked_at = MIRROR._asked_at

    revoke_of(other)

    wait_for(lambda: MIRROR.health().number == 1, "the order arrives")
    assert MIRROR._asked_at == asked_at


def test_two_sites_in_one_redis_are_told_apart_by_their_prefix(on_redis, redis):
    on_redis.CACHES = {**on_redis.CACHES, "news": {**on_redis.CACHES["news"], "KEY_PREFIX": "shop"}}

    revoke_of(log_in())

    assert redis.client().keys() == [b"tokenauth:{plane:shop}:orders"]


def test_a_sentinel_names_the_server(on_redis, redis, tmp_path, listener, elsewhere):
    with sentinel_running(tmp_path, redis) as port:
        on_redis.CACHES = {
            **on_redis.CACHES,
            "news": cache(
                "redis://ours/0",
                CLIENT_CLASS="django_redis.client.SentinelClient",
                CONNECTION_FACTORY="django_redis.pool.SentinelConnectionFactory",
                SENTINELS=[("127.0.0.1", port)],
            ),
        }
        session = log_in()
        assert session.accepts()
        listener()

        revoke_of(session)

        wait_for(lambda: not session.accepts(), "the order arrives")
    assert numbers_in(redis) == [1]


def test_a_password_of_the_alias_opens_the_server(on_redis, tmp_path):
    with redis_running(tmp_path, password="s3cret") as server:
        on_redis.CACHES = {**on_redis.CACHES, "news": cache(server.url, PASSWORD="s3cret")}

        publish([order(1)], uuid.uuid4())

    assert not publishing.BREAKER.is_open()


def test_an_alias_of_another_protocol_or_that_decodes_is_read_as_any(on_redis, redis, listener, elsewhere):
    address = f"{redis.url}?protocol=3&decode_responses=True"
    on_redis.CACHES = {**on_redis.CACHES, "news": cache(address)}
    session = log_in()
    assert session.accepts()
    listener()

    revoke_of(session)

    wait_for(lambda: not session.accepts(), "the order arrives")


def test_connections_do_not_cross_a_fork(on_redis):
    clients = publishing.alias.CLIENTS
    mine = clients.hurried("news")

    clients.after_fork()

    assert clients.hurried("news") is not mine
