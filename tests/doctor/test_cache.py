"""The cache that counts."""

import time

import pytest
import redis
import time_machine
from django.core.cache import caches

from tests import silent
from tokenauth.doctor import bounded, cache
from tokenauth.doctor.findings import Level

REDIS = "redis://127.0.0.1:6379/13"
PASSWORD = "only-for-one-test"


def of(settings, location, backend="django_redis.cache.RedisCache"):
    settings.CACHES = {**settings.CACHES, "counts": {"BACKEND": backend, "LOCATION": location}}
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS_CACHE": "counts"}
    return cache.of_limits()


@pytest.fixture
def narrow_account():
    """An account of Redis that may hardly ask for anything."""
    with redis.Redis.from_url(REDIS) as server:
        server.execute_command(
            "ACL", "SETUSER", "tokenauth-test", "on", f">{PASSWORD}", "+ping", "+time", "+client", "+select"
        )
        yield "tokenauth-test"
        server.execute_command("ACL", "DELUSER", "tokenauth-test")


@pytest.fixture(autouse=True)
def closed():
    yield
    caches.close_all()


def test_redis_tells_version_and_time(settings):
    answered, clock = of(settings, REDIS)

    assert answered.level is clock.level is Level.OK
    assert "Redis 7." in answered.text or "Redis 8." in answered.text or "Valkey" in answered.text
    assert "clock is 0.0" in clock.text


def test_an_account_that_may_not_ask_for_the_version(settings, narrow_account):
    answered, clock = of(settings, f"redis://{narrow_account}:{PASSWORD}@127.0.0.1:6379/13")

    assert "unknown version" in answered.text
    assert clock.level is Level.OK


def test_a_clock_that_is_another_is_told(settings):
    of(settings, REDIS)
    with time_machine.travel(time.time() + 60, tick=True):
        _, clock = cache.of_limits()

    assert clock.level is Level.ERROR


def test_one_that_hides_its_errors_does_not_hide_them_here(settings):
    settings.DJANGO_REDIS_IGNORE_EXCEPTIONS = True

    with pytest.raises(redis.ConnectionError):
        of(settings, f"redis://127.0.0.1:{silent.refusing_port()}/0")


def test_a_silent_one_is_not_waited_for(settings):
    with silent.server() as port:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            bounded.within(0.3, lambda: of(settings, f"redis://127.0.0.1:{port}/0"))

        assert time.monotonic() - began < 3


@pytest.mark.parametrize("backend", ["django.core.cache.backends.redis.RedisCache"])
def test_another_back_end_is_asked_for_a_key(settings, backend):
    (found,) = of(settings, REDIS, backend)

    assert found.level is Level.OK
    assert "RedisCache" in found.text


def test_there_is_no_such_cache(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS_CACHE": "nonsense"}

    (found,) = cache.of_limits()

    assert found.level is Level.ERROR


def test_nothing_is_written(settings):
    with redis.Redis.from_url(REDIS) as server:
        before = sorted(server.keys())
        of(settings, REDIS)

        assert sorted(server.keys()) == before
