"""Guarantee 5 beside Redis: whatever it loses, invents or delays, every committed order is applied."""

import time

import pytest
from django.db import OperationalError, transaction

from tests.redis_servers import Server, wait_for
from tests.revocation.notifiers.conftest import (
    STREAM,
    elsewhere,
    listener,
    nothing_left,
    on_redis,
    plane_id,
    redis,
)
from tests.sessions import Session, log_in, why_refused
from tokenauth.errors import Cause
from tokenauth.flows import revoke
from tokenauth.models import RevocationOrder, users
from tokenauth.revocation import clock as boot
from tokenauth.revocation import source
from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.notifiers import beating, message, names, plane_keys
from tokenauth.revocation.notifiers.beating import Heart
from tokenauth.revocation.notifiers.reader import Reader, State
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

__all__ = ["elsewhere", "listener", "nothing_left", "on_redis", "redis"]

pytestmark = pytest.mark.django_db(transaction=True)

BEAT = names.beat(names.DEFAULT)


def revoke_of(session: Session) -> None:
    revoke(OfUser(users.key_of(session.user)))


class RolledBack(Exception):
    pass


def revoke_and_roll_back(session: Session) -> None:
    with transaction.atomic():
        revoke_of(session)
        raise RolledBack


@pytest.fixture
def at_an_age(monkeypatch):
    """Lets the mirror grow older while it has nobody to ask."""
    stands_at = [boot.now()]
    monkeypatch.setattr(boot, "now", lambda: stands_at[0])

    def grow(seconds: float) -> None:
        stands_at[0] += seconds

    return grow


def test_nobody_hears_of_an_order_that_was_not_committed(on_redis, redis, listener):
    session = log_in()
    assert session.accepts()
    listener()

    with pytest.raises(RolledBack):
        revoke_and_roll_back(session)

    assert redis.client().xlen(STREAM) == 0
    assert RevocationOrder.objects.count() == 0
    assert session.accepts()


def test_a_lively_redis_makes_no_mirror_fresh(on_redis, listener, elsewhere, at_an_age, monkeypatch):
    session = log_in()
    assert session.accepts()
    listener()
    at_an_age(25)
    revoke_of(log_in())
    wait_for(lambda: MIRROR.health().number == 1, "the order arrives")

    def fail(*args, **kwargs):
        raise OperationalError("no route to host")

    monkeypatch.setattr(source, "ask", fail)
    at_an_age(25)

    refused = why_refused(session.pair.access_token)
    assert refused is not None
    assert refused.cause is Cause.STALE_MIRROR


def test_an_order_that_was_trimmed_is_not_passed_over(on_redis, redis, listener, elsewhere):
    trimmed, other = log_in(), log_in()
    assert trimmed.accepts()
    revoke_of(trimmed)
    revoke_of(other)
    redis.client().xtrim(STREAM, minid="2-0", approximate=False)
    listener()

    wait_for(MIRROR._woken.is_set, "the mirror is sent to the database")
    assert MIRROR.health().number == 0
    MIRROR._asked_at = float("-inf")  # the poll that it is sent to
    assert not trimmed.accepts()
    assert not other.accepts()


def test_a_service_is_told_of_a_gap(on_redis, redis):
    assert log_in().accepts()
    reader = Reader(redis.client(), plane_keys.verifying(), bound=60)
    for _ in range(3):
        revoke_of(log_in())
    beat(redis)
    reader.read(0, None)
    beat(redis)
    redis.client().xdel(STREAM, "2-0")

    read = reader.read(0, plane_id())

    assert (read.state, len(read.orders), read.as_of) == (State.LOST, 1, None)


def test_an_order_that_somebody_made_up_is_nobodys(on_redis, redis, listener, elsewhere):
    session = log_in()
    assert session.accepts()
    made_up = Order(1, 1, Kind.USER, users.key_of(session.user), 9, 2e9)
    forged = message.pack(made_up, plane_id=plane_id(), key=b"a guess".ljust(32))
    redis.client().xadd(STREAM, {"v": "1", "m": forged}, id="1-0")
    listener()

    wait_for(MIRROR._woken.is_set, "the mirror is sent to the database")
    assert session.accepts()
    assert Reader(redis.client(), plane_keys.verifying()).read(0, plane_id()).orders == ()


def test_a_beat_that_was_held_up_is_not_written(on_redis, redis, monkeypatch):
    on_redis.TOKENAUTH = {**on_redis.TOKENAUTH, "STALENESS_BOUND": 0.4}
    assert log_in().accepts()
    real = source.ask

    def stopped(*args, **kwargs):
        answer = real(*args, **kwargs)
        time.sleep(0.2)  # the process is stopped between its question and the beat
        return answer

    monkeypatch.setattr(beating.source, "ask", stopped)

    assert not Heart().turn("news")
    assert not redis.client().exists(BEAT)


def beat(redis: Server) -> None:
    heart = Heart()
    redis.client().delete(BEAT)
    assert heart.turn("news")
    heart.rest()
