"""Counting on every kind of cache a site may have, and on one that is away."""

import os
import time
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.core.management import call_command

from tests.crowd import at_once
from tokenauth.errors import Cause
from tokenauth.risk import counters, limits
from tokenauth.risk.counters import Window

DJANGOS = "django.core.cache.backends"
REDIS_URL = os.environ.get("REDIS_URL", "")


@pytest.fixture
def windows_open_with_the_test() -> None:
    """Here windows are what is tested: they are cut from the real clock."""


@pytest.fixture(params=["locmem", "files", "database", "redis"])
def cache(request, settings, tmp_path, db):
    """A cache of each kind, with a default lifetime far below any window's."""
    backends = {
        "locmem": {"BACKEND": f"{DJANGOS}.locmem.LocMemCache", "LOCATION": str(uuid4())},
        "files": {"BACKEND": f"{DJANGOS}.filebased.FileBasedCache", "LOCATION": str(tmp_path)},
        "database": {"BACKEND": f"{DJANGOS}.db.DatabaseCache", "LOCATION": "counts"},
        "redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": REDIS_URL},
    }
    if request.param == "redis" and not REDIS_URL:
        pytest.skip("needs REDIS_URL")
    settings.CACHES = {"default": {**backends[request.param], "TIMEOUT": 1, "KEY_PREFIX": str(uuid4())}}
    if request.param == "database":
        call_command("createcachetable", verbosity=0)
    return caches["default"]


class Broken:
    """A cache whose server is gone."""

    def __init__(self, location, params):
        pass

    def __getattr__(self, name):
        if name == "close":
            return lambda **kwargs: None
        raise ConnectionError("the server is gone")


@pytest.fixture
def away(settings):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Broken"}}


def test_counts_outlive_the_caches_own_lifetime(cache):
    key = str(uuid4())
    counted = [counters.count(key, seconds=60) for _ in range(3)]
    time.sleep(1.1)

    assert counted == [1, 2, 3]
    assert counters.value(key) == 3
    assert counters.count(key, seconds=60) == 4


def test_a_limit_opens_again_with_its_window_and_says_when(cache, settings, clock):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_account": "2/minute"}}
    clock.move_to(clock_at_second(20))
    for _ in range(2):
        assert limits.login_of("ada", known_device=None) is None
    refused = limits.login_of("ada", known_device=None)
    clock.shift(refused.retry_after)

    again = limits.login_of("ada", known_device=None)

    assert (refused.cause, refused.retry_after) == (Cause.THROTTLED, 40)
    assert again is None


def clock_at_second(second: int) -> float:
    return time.time() // 60 * 60 + second


def test_a_key_is_taken_once(cache):
    key = str(uuid4())

    assert [counters.take(key, seconds=60) for _ in range(3)] == [True, False, False]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["locmem.LocMemCache", "filebased.FileBasedCache"])
def test_threads_of_one_process_lose_no_count(settings, tmp_path, kind):
    settings.CACHES = {"default": {"BACKEND": f"{DJANGOS}.{kind}", "LOCATION": str(tmp_path)}}
    key = str(uuid4())

    counted = at_once([lambda: counters.count(key, seconds=60)] * 8)
    taken = at_once([lambda: counters.take(key + "-taken", seconds=60)] * 8)

    assert sorted(counted) == list(range(1, 9))
    assert sorted(taken) == [False] * 7 + [True]


def test_windows_follow_each_other_without_a_gap(clock):
    clock.move_to(clock_at_second(59))
    last = Window.now("k", 60)
    clock.shift(1)

    assert (last.left, Window.now("k", 60).left) == (1, 60)
    assert last.key != Window.now("k", 60).key


def test_a_cache_that_is_away_counts_nothing_and_is_named_once(away, caplog, monkeypatch):
    monkeypatch.setattr(counters, "_PROCESS", counters._Process())

    answers = [
        counters.count("k", seconds=60),
        counters.value("k"),
        counters.values("k"),
        counters.take("k", seconds=60),
    ]
    counters.forget("k")

    assert answers == [None] * 4
    assert caplog.text.count("limits_cache_away error=ConnectionError") == 1


@pytest.mark.django_db
def test_limits_of_a_cache_that_is_away_let_in(away, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {}}

    assert limits.login_from("192.0.2.1") is None
    assert limits.login_of("ada", known_device=None) is None
    assert limits.refresh_from("192.0.2.1") is None
    assert limits.refresh_of(uuid4()) is None
    assert not limits.account_is_locked("ada", known_device=None)
    limits.note_failure("ada", known_device=None)


@pytest.mark.django_db
def test_tries_that_nobody_counts_are_refused(away):
    refused = limits.challenge_try("nonce")

    assert (refused.cause, refused.retry_after) == (Cause.OVERLOADED, 1)


@pytest.mark.django_db
def test_tries_that_the_cache_forgets_are_refused(settings):
    settings.CACHES = {"default": {"BACKEND": f"{DJANGOS}.dummy.DummyCache"}}

    assert limits.challenge_try("nonce").cause is Cause.OVERLOADED


def test_a_child_of_a_fork_has_the_turn_that_the_parent_held():
    process = counters._Process()
    assert process._turn.acquire()

    process.after_fork()

    assert process._turn.acquire(blocking=False)
