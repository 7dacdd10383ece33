"""This process's mirror over the real database: fresh, drained by requests, strict when it cannot be."""

import os
import threading

import pytest
from django.db import OperationalError, connection, connections, transaction

from tests.sessions import log_in, why_refused
from tokenauth.errors import Cause
from tokenauth.flows import revoke
from tokenauth.models import Plane, RevocationOrder, users
from tokenauth.revocation import clock as boot
from tokenauth.revocation import source
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def polling(settings):
    """Requests poll for themselves, as where threads never run."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}
    MIRROR.forget()
    return settings


@pytest.fixture
def boot_clock(monkeypatch):
    """The clock that ages a mirror, standing until it is moved by hand."""
    stands_at = {"seconds": boot.now()}
    monkeypatch.setattr(boot, "now", lambda: stands_at["seconds"])

    def shift(seconds: float) -> None:
        stands_at["seconds"] += seconds

    return shift


@pytest.fixture
def silent_database(monkeypatch):
    """A database that the mirror cannot reach."""

    def silence() -> None:
        def fail(*args, **kwargs):
            raise OperationalError("no route to host")

        monkeypatch.setattr(source, "ask", fail)

    return silence


def test_a_fresh_mirror_asks_nothing(polling, django_assert_num_queries):
    session = log_in()
    assert session.accepts()

    with django_assert_num_queries(0):
        assert session.accepts()


def test_a_request_brings_an_old_mirror_up_to_date(polling, boot_clock):
    session = log_in()
    assert session.accepts()
    revoke(OfUser(users.key_of(session.user)))

    boot_clock(0.6)

    assert not session.accepts()


def test_requests_poll_once_an_interval_and_not_once_each(polling, boot_clock, monkeypatch):
    asked = []
    real = source.ask
    monkeypatch.setattr(source, "ask", lambda *a, **k: asked.append(1) or real(*a, **k))
    session = log_in()
    session.accepts()
    asked.clear()

    boot_clock(0.6)
    for _ in range(10):
        session.accepts()

    assert len(asked) == 1


def test_strict_refuses_when_nobody_can_tell(polling, boot_clock, silent_database):
    session = log_in()
    assert session.accepts()
    silent_database()

    boot_clock(0.7)
    still_inside_the_bound = session.accepts()
    boot_clock(0.2)
    refused = why_refused(session.pair.access_token)

    assert still_inside_the_bound
    assert refused is not None
    assert (refused.cause, refused.retry_after) == (Cause.STALE_MIRROR, 1)


def test_available_accepts_as_long_as_it_says_and_no_longer(polling, boot_clock, silent_database):
    polling.TOKENAUTH = {**polling.TOKENAUTH, "MODE": "available", "AVAILABLE_SECONDS": 30}
    session = log_in()
    assert session.accepts()
    silent_database()

    boot_clock(29)
    inside = session.accepts()
    boot_clock(3)

    assert inside
    assert not session.accepts()


def test_a_mirror_that_never_loaded_accepts_nothing_even_where_available(polling, silent_database):
    polling.TOKENAUTH = {**polling.TOKENAUTH, "MODE": "available"}
    session = log_in()
    MIRROR.forget()
    silent_database()

    refused = why_refused(session.pair.access_token)

    assert refused is not None
    assert refused.cause is Cause.STALE_MIRROR


def test_an_order_that_its_writer_never_numbered_is_applied_and_numbered(polling, boot_clock):
    session = log_in()
    session.accepts()
    with transaction.atomic():
        revoke(OfUser(users.key_of(session.user)))
        connection.run_on_commit = []  # the writer dies between COMMIT and publish
    assert RevocationOrder.objects.get().number is None

    boot_clock(0.6)

    assert not session.accepts()
    assert RevocationOrder.objects.get().number == 1


@pytest.mark.postgres
def test_an_uncommitted_order_is_not_seen(polling, boot_clock):
    session = log_in()
    session.accepts()

    with transaction.atomic():
        revoke(OfUser(users.key_of(session.user)))
        boot_clock(0.6)
        before = session.accepts()
    boot_clock(0.6)

    assert before
    assert not session.accepts()


def test_what_was_revoked_stays_so_when_the_database_forgets_it(polling, boot_clock):
    session = log_in()
    revoke(OfUser(users.key_of(session.user)))
    boot_clock(0.6)
    assert not session.accepts()

    RevocationOrder.objects.all().delete()
    Plane.objects.update(n=0)
    boot_clock(0.6)

    assert not session.accepts()
    assert MIRROR.health().number == 0


def test_a_thread_keeps_the_mirror_fresh(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto", "STALENESS_BOUND": 0.4}
    MIRROR.forget()
    session = log_in()
    assert session.accepts()
    revoke(OfUser(users.key_of(session.user)))

    deadline = threading.Event()
    for _ in range(40):
        if not session.accepts():
            break
        deadline.wait(0.05)

    assert not session.accepts()
    assert MIRROR.health().age < 1
    MIRROR.forget()


def test_a_forked_child_polls_for_itself_and_leaves_the_parents_connection_alone(polling, boot_clock):
    session = log_in()
    assert session.accepts()
    connections.close_all()

    pid = os.fork()
    if pid == 0:
        boot_clock(0.6)
        os._exit(0 if session.accepts() else 1)
    _, status = os.waitpid(pid, 0)
    boot_clock(0.6)

    assert os.waitstatus_to_exitcode(status) == 0
    assert session.accepts()
