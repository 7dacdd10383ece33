"""F22: the server has no threads, or the machine slept."""

import os
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connections

from tests.other_process import revoke_elsewhere
from tests.sessions import Session, log_in, why_refused
from tokenauth.errors import Cause
from tokenauth.revocation import source
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfFamily

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """The mirror's questions to the database."""
    questions: list[int] = []
    real = source.ask
    monkeypatch.setattr(source, "ask", lambda *a, **k: questions.append(1) or real(*a, **k))
    return questions


@pytest.fixture
def threads_never_run(settings, monkeypatch) -> None:
    """As in uWSGI without `enable-threads` and in a frozen function: `start` returns, nothing happens."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto"}
    MIRROR.forget()
    monkeypatch.setattr(threading.Thread, "start", lambda thread: None)


@pytest.fixture
def asleep(monkeypatch, clock) -> Callable[[float], None]:
    """A suspended machine: the wall clock and the one since boot go on, the monotonic one stands."""
    slept = {"seconds": 0.0}
    real = time.clock_gettime

    def since_boot(which: int) -> float:
        return real(which) + (slept["seconds"] if which == time.CLOCK_BOOTTIME else 0)

    monkeypatch.setattr(time, "clock_gettime", since_boot)

    def sleep(seconds: float) -> None:
        slept["seconds"] += seconds
        clock.shift(seconds)

    return sleep


def with_an_hour(settings) -> Session:
    """A session whose access token lives longer than the machine sleeps."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"browser": {"access": 3600}}}
    return log_in()


class TestThreadsThatNeverRun:
    @pytest.fixture(params=["threads_never_run", "polling"])
    def without_threads(self, request) -> None:
        request.getfixturevalue(request.param)

    def test_the_request_itself_hears_of_the_revocation(self, without_threads, boot_clock):
        session = log_in()
        assert session.accepts()
        revoke_elsewhere(OfFamily(session.family_id))

        boot_clock(0.6)

        assert not session.accepts()

    def test_requests_ask_once_an_interval(self, without_threads, boot_clock, asked):
        session = log_in()
        session.accepts()
        asked.clear()

        for _ in range(3):
            boot_clock(0.6)
            for _ in range(20):
                assert session.accepts()

        assert len(asked) == 3

    def test_a_line_names_the_cause_and_not_for_each_request(self, threads_never_run, boot_clock, caplog):
        session = log_in()
        for _ in range(10):
            session.accepts()
            boot_clock(0.6)

        said = [line for line in caplog.messages if line.startswith("thread_does_not_run ")]
        assert len(said) == 1

    def test_a_forked_child_of_a_loaded_parent_hears_of_it_too(
        self, threads_never_run, boot_clock, monkeypatch
    ):
        session = log_in()
        assert session.accepts()
        connections.close_all()
        revoked, tell = os.pipe()

        pid = os.fork()
        if pid == 0:
            os.read(revoked, 1)
            boot_clock(0.6)
            os._exit(1 if session.accepts() else 0)
        revoke_elsewhere(OfFamily(session.family_id))
        os.write(tell, b"!")
        _, status = os.waitpid(pid, 0)
        os.close(revoked)
        os.close(tell)

        assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no clock here counts sleep")
class TestAMachineThatSlept:
    def test_accepts_no_token_that_was_revoked_meanwhile(self, polling, settings, asleep):
        session = with_an_hour(settings)
        assert session.accepts()
        revoke_elsewhere(OfFamily(session.family_id))

        asleep(600)

        assert not session.accepts()

    def test_accepts_nothing_while_its_database_is_away(self, polling, settings, asleep, silent_database):
        session = with_an_hour(settings)
        assert session.accepts()
        silent_database()

        asleep(600)
        refused = why_refused(session.pair.access_token)

        assert refused is not None
        assert refused.cause is Cause.STALE_MIRROR

    def test_goes_on_with_what_was_not_revoked(self, polling, settings, asleep):
        session = with_an_hour(settings)
        assert session.accepts()

        asleep(600)

        assert session.accepts()
