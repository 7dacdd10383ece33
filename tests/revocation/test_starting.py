"""How a process's mirror starts: at its first check, from any state, and never from a pool."""

import os
import subprocess
import sys
import threading
import time

import pytest
from django.db import connections

from tests.sessions import log_in, why_refused
from tokenauth.errors import Cause
from tokenauth.revocation import own_connection
from tokenauth.revocation.process import MIRROR, ProcessMirror

pytestmark = pytest.mark.django_db(transaction=True)

PROGRAM = """
import threading, django
django.setup()
import tokenauth.api.urls
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation import watching
print(threading.active_count(), MIRROR._own, MIRROR.health().age)
"""


def test_a_site_that_was_only_set_up_has_no_thread_and_no_connection():
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["1", "None", "None"]


def test_it_starts_at_the_first_check(polling):
    assert (MIRROR._own, MIRROR.health().age) == (None, None)

    assert log_in().accepts()

    assert MIRROR._own is not None
    assert MIRROR.health().age is not None


def test_a_first_load_holds_a_request_no_longer_than_start_timeout(polling):
    polling.TOKENAUTH = {**polling.TOKENAUTH, "START_TIMEOUT": 0.2}
    session = log_in()
    MIRROR.forget()
    loading, done = threading.Event(), threading.Event()

    def load_for_ever() -> None:
        with MIRROR._draining:
            loading.set()
            done.wait(30)

    another = threading.Thread(target=load_for_ever)
    another.start()
    loading.wait(30)
    began = time.monotonic()
    refused = why_refused(session.pair.access_token)
    waited = time.monotonic() - began
    done.set()
    another.join()

    assert refused is not None
    assert refused.cause is Cause.STALE_MIRROR
    assert waited >= 0.2
    assert session.accepts()


def test_who_waits_for_another_s_answer_does_not_ask_again(polling, boot_clock, monkeypatch):
    session = log_in()
    session.accepts()
    boot_clock(0.6)
    mirror, asked = MIRROR, []

    def answered_meanwhile(**kwargs) -> bool:
        mirror._asked_at += 0.6
        return True

    class Lock:
        acquire = staticmethod(answered_meanwhile)
        release = staticmethod(lambda: None)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(mirror, "_draining", Lock)
        meanwhile.setattr(ProcessMirror, "_poll", lambda self: asked.append(1))
        accepted = session.accepts()

    assert accepted
    assert asked == []


@pytest.mark.postgres
def test_it_takes_no_connection_of_a_pool_that_a_fork_would_share(polling, monkeypatch):
    given = connections["default"].settings_dict
    pooled = {**given, "OPTIONS": {**given.get("OPTIONS", {}), "pool": {"min_size": 1}}}
    monkeypatch.setitem(connections.settings, "default", pooled)

    own = own_connection.opened("default", patience=1)
    try:
        assert "pool" not in own.settings_dict["OPTIONS"]
        assert own.pool is None
        with own.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
    finally:
        own.close()


def test_a_child_of_a_parent_that_polls_by_a_thread_starts_its_own(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto"}
    MIRROR.forget()
    session = log_in()
    assert session.accepts()
    parents = MIRROR._thread
    assert parents is not None
    assert parents.is_alive()
    connections.close_all()

    pid = os.fork()
    if pid == 0:
        verdict = 1
        try:
            began_without = MIRROR._thread is None
            MIRROR._asked_at = float("-inf")
            accepted = session.accepts()
            own = MIRROR._thread
            running = own is not None and own.is_alive() and own is not parents
            verdict = 0 if began_without and accepted and running else 1
        finally:
            os._exit(verdict)
    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert parents.is_alive()
    assert session.accepts()
    MIRROR.forget()
