"""Can a thread be started."""

import threading

import pytest

from tokenauth.doctor import threads
from tokenauth.doctor.findings import Level


@pytest.fixture
def mirror(settings):
    def mode(name):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": name}

    return mode


@pytest.fixture
def refused(monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


def test_they_start_here(mirror):
    mirror("auto")

    assert threads.start()[0].level is Level.OK


def test_where_they_cannot_the_site_is_told_what_does_it(mirror, refused):
    mirror("auto")

    (found,) = threads.start()

    assert found.level is Level.WARNING
    assert "enable-threads" in found.mend


def test_one_that_never_runs_counts_as_none(mirror, monkeypatch):
    """uWSGI without enable-threads starts it and never lets it run."""
    mirror("auto")
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    monkeypatch.setattr(threads, "_PATIENCE", 0.05)

    assert threads.start()[0].level is Level.WARNING


def test_a_site_that_uses_none_need_not_have_them(mirror, refused):
    mirror("request")

    assert threads.start()[0].level is Level.OK
