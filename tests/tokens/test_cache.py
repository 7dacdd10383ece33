"""Verified tokens of a process."""

import gc
import sys
import threading

from hypothesis import given
from hypothesis import strategies as st

from tests.tokens.world import claims, judged, key, token
from tokenauth.tokens.cache import VerifiedTokens


def names(count, start=0):
    return [f"token {n}".encode() for n in range(start, start + count)]


def test_finds_what_was_put():
    cache = VerifiedTokens(lambda: 10)
    cache.put(b"token", claims())

    assert cache.get(b"token") == claims()
    assert cache.get(b"another") is None


@given(st.lists(st.integers(0, 30), max_size=200), st.integers(2, 12))
def test_never_holds_more_than_twice_its_size(asked, size):
    cache = VerifiedTokens(lambda: size)
    for number in asked:
        name = str(number).encode()
        if cache.get(name) is None:
            cache.put(name, claims(gen=number))
        found = cache.get(name)
        assert found is not None
        assert found.gen == number
        assert len(cache) <= 2 * size


def test_as_many_as_its_size_are_remembered_in_whatever_order_they_come():
    cache, missed = VerifiedTokens(lambda: 50), 0

    for name in [name for _ in range(10) for name in names(50)]:
        if cache.get(name) is None:
            missed += 1
            cache.put(name, claims())

    assert missed == 50


def test_what_is_asked_for_stays_what_is_not_goes():
    cache = VerifiedTokens(lambda: 100)
    cache.put(b"busy", claims())
    cache.put(b"idle", claims())

    for name in names(500):
        cache.put(name, claims())
        assert cache.get(b"busy") is not None

    assert cache.get(b"idle") is None


def test_the_size_is_asked_each_time_so_that_a_setting_counts_at_once():
    size = [100]
    cache = VerifiedTokens(lambda: size[0])
    for name in names(100):
        cache.put(name, claims())

    size[0] = 4
    for name in names(10, start=100):
        cache.put(name, claims())

    assert len(cache) <= 8


def test_forgets_everything_at_once():
    cache = VerifiedTokens(lambda: 4)
    for name in names(4):
        cache.put(name, claims())

    cache.clear()

    assert len(cache) == 0
    assert not any(cache.get(name) for name in names(4))


def test_a_token_that_differs_in_its_signature_alone_is_another():
    """Else one verified token would vouch for every forged signature."""
    cache = VerifiedTokens(lambda: 10)
    good = token(key("EdDSA"))
    cache.put(good, judged(good, key("EdDSA")))

    last = b"A" if not good.endswith(b"A") else b"Q"
    assert cache.get(good[:-1] + last) is None
    assert cache.get(good + b"=") is None
    assert cache.get(good[:-4]) is None


def test_no_token_can_be_read_in_it():
    cache = VerifiedTokens(lambda: 10)
    good = token(key("EdDSA"))
    cache.put(good, judged(good, key("EdDSA")))
    signature = good.rpartition(b".")[2]

    for held in _everything_in(cache):
        if isinstance(held, bytes | str):
            raw = held.encode() if isinstance(held, str) else held
            assert good not in raw
            assert signature not in raw


def test_an_entry_is_small():
    """DESIGN 8: at most 700 B, with what 1,000 sessions of one client do not share."""
    cache = VerifiedTokens(lambda: 4_000)
    for n in range(1_000):
        raw = token(
            key("EdDSA"), sub=str(1_000_000 + n), session=f"019a3f2e-7b6a-7c3d-9e4f-{n:012d}",
            device=f"019a3f2e-7b6a-7c3d-9e5f-{n:012d}", jti=f"{n:022d}",
        )  # fmt: skip
        cache.put(raw, judged(raw, key("EdDSA")))

    assert sum(map(sys.getsizeof, _everything_in(cache))) / 1_000 < 700


def _everything_in(cache):
    seen, found, todo = set(), [], [cache._young, cache._old]
    while todo:
        each = todo.pop()
        if id(each) not in seen and not isinstance(each, type):
            seen.add(id(each))
            found.append(each)
            todo += gc.get_referents(each)
    return found


def test_threads_get_their_own_answers():
    cache = VerifiedTokens(lambda: 8)
    wrong: list[object] = []

    def work(number):
        for turn in range(3_000):
            name = (number * 7 + turn) % 40
            raw = str(name).encode()
            found = cache.get(raw)
            if found is None:
                cache.put(raw, claims(gen=name))
            elif found.gen != name:
                wrong.append(found)
            if turn % 500 == 0:
                cache.clear()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(cache) <= 8 + len(threads)
