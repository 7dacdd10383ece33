"""What never answers is left alone."""

import threading
import time

import pytest

from tokenauth.doctor.bounded import within


def test_an_answer_is_handed_on():
    assert within(5, lambda: "seen") == "seen"


def test_what_it_raises_is_raised():
    def broken():
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        within(5, broken)


def test_what_takes_too_long_is_not_waited_for():
    release = threading.Event()
    began = time.monotonic()

    with pytest.raises(TimeoutError):
        within(0.1, release.wait)

    assert time.monotonic() - began < 2
    release.set()


def test_without_threads_it_looks_all_the_same(monkeypatch):
    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)

    assert within(5, lambda: threading.current_thread()) is threading.main_thread()
