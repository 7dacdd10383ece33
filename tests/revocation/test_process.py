"""This process's mirror over the real database: fresh, drained by requests, strict when it cannot be."""

import os
import threading
import uuid

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import ClientFactory
from tests.other_process import revoke_elsewhere
from tests.sessions import claims_of, log_in, why_refused
from tokenauth.errors import Cause, Refused
from tokenauth.flows import revoke
from tokenauth.models import Plane, RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation import numbering, process, source
from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_fresh_mirror_asks_nothing(polling, django_assert_num_queries):
    session = log_in()
    assert session.accepts()

    with django_assert_num_queries(0):
        assert session.accepts()


def test_a_request_brings_an_old_mirror_up_to_date(polling, boot_clock):
    session = log_in()
    assert session.accepts()
    revoke_elsewhere(OfUser(users.key_of(session.user)))

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
        revoke_elsewhere(OfUser(users.key_of(session.user)))
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
        revoke_elsewhere(OfUser(users.key_of(session.user)))
        boot_clock(0.6)
        before = session.accepts()
    boot_clock(0.6)

    assert before
    assert not session.accepts()


def test_what_was_revoked_stays_so_when_the_database_forgets_it(polling, boot_clock):
    session = log_in()
    revoke_elsewhere(OfUser(users.key_of(session.user)))
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
    revoke_elsewhere(OfUser(users.key_of(session.user)))

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


def test_nothing_is_forgotten_while_a_mirror_loads_anew(polling, boot_clock, monkeypatch):
    session = log_in()
    revoke_elsewhere(OfUser(users.key_of(session.user)))
    boot_clock(0.6)
    assert not session.accepts()
    seen = []
    real = source.ask

    def watch(*args, **kwargs):
        seen.append(MIRROR.floors().why_refused(claims_of(session.pair.access_token)))
        return real(*args, **kwargs)

    monkeypatch.setattr(source, "ask", watch)
    Plane.objects.update(plane_id=uuid.uuid4())

    boot_clock(0.6)
    session.accepts()

    assert len(seen) >= 2
    assert None not in seen


def test_more_waiting_orders_than_a_page_are_all_seen_in_one_poll(polling, boot_clock, monkeypatch):
    monkeypatch.setattr(source, "PAGE", 10)
    monkeypatch.setattr(numbering, "number_visible", lambda connection, **more: [])
    sessions = [log_in(client=ClientFactory(client_id=f"c{n}")) for n in range(3)]
    sessions[0].accepts()
    for n in range(25):
        RevocationOrder.objects.create(kind=OrderKind.USER, key=f"other{n}", floor=1, at=timezone.now())
    for session in sessions:
        RevocationOrder.objects.create(kind=OrderKind.FAMILY, key=str(session.family_id), at=timezone.now())

    boot_clock(0.6)

    assert [session.accepts() for session in sessions] == [False] * 3


@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "waiting"])
def test_a_page_of_kinds_that_this_release_does_not_know_is_not_the_last(
    polling, boot_clock, monkeypatch, numbered
):
    monkeypatch.setattr(source, "PAGE", 10)
    session = log_in()
    assert session.accepts()
    for _ in range(12):
        RevocationOrder.objects.create(kind=99, key="?", at=timezone.now())
    RevocationOrder.objects.create(kind=OrderKind.FAMILY, key=str(session.family_id), at=timezone.now())
    if numbered:
        numbering.number_visible(connection)
    else:
        monkeypatch.setattr(numbering, "number_visible", lambda connection, **more: [])

    boot_clock(0.6)

    assert not session.accepts()


def test_an_order_of_a_kind_that_this_release_does_not_know_stops_nobody(polling, boot_clock):
    session, revoked = log_in(), log_in()
    RevocationOrder.objects.create(kind=99, key="?", at=timezone.now())
    revoke_elsewhere(OfUser(users.key_of(revoked.user)))

    boot_clock(0.6)

    assert session.accepts()
    assert not revoked.accepts()


def test_a_process_that_may_start_no_thread_lets_its_requests_poll(settings, monkeypatch):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto"}
    MIRROR.forget()

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert log_in().accepts()


@pytest.mark.postgres
@pytest.mark.direct
def test_a_question_takes_no_longer_than_a_quarter_of_the_bound(polling, boot_clock):
    session = log_in()
    session.accepts()
    own = MIRROR._connection()

    with own.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("250ms",)


def test_a_site_that_saves_a_client_holds_no_numbering(polling):
    client = ClientFactory()
    revoke(OfUser("first"))

    with CaptureQueriesContext(connection) as queries:
        client.save()

    assert not any("tokenauth_plane" in query["sql"] for query in queries.captured_queries)


class TestAHint:
    @pytest.fixture
    def held(self, polling, boot_clock, silent_database) -> RevocationOrder:
        """A loaded mirror that can no longer ask, and an order that was made after its last answer."""
        self.session = log_in()
        assert self.session.accepts()
        revoke_elsewhere(OfUser(users.key_of(self.session.user)))
        silent_database()
        return RevocationOrder.objects.latest("number")

    def test_that_continues_what_is_held_is_in_force_without_a_question(self, held):
        MIRROR.hint([learnt(held)])

        assert not self.session.accepts()

    def test_after_a_gap_is_left_to_the_database(self, held):
        MIRROR.hint([learnt(held, number=held.number + 1)])

        assert self.session.accepts()
        assert MIRROR._woken.is_set()

    def test_makes_no_mirror_fresh(self, held, boot_clock):
        boot_clock(0.9)

        MIRROR.hint([learnt(held)])

        assert why_refused(self.session.pair.access_token) == Refused(Cause.STALE_MIRROR, retry_after=1)

    def test_is_told_to_who_listens_and_a_listener_that_fails_harms_nobody(self, held):
        told = []

        def fails(orders):
            raise RuntimeError

        ends = [MIRROR.subscribe(fails), MIRROR.subscribe(told.extend)]
        try:
            MIRROR.hint([learnt(held)])
        finally:
            for end in ends:
                end()
        MIRROR.hint([learnt(held, number=held.number + 1)])

        assert [order.number for order in told] == [held.number]


def learnt(row: RevocationOrder, **changes) -> Order:
    facts = {"id": row.pk, "number": row.number, "kind": Kind(row.kind), "key": row.key, "floor": row.floor}
    return Order(**{**facts, "until": row.until.timestamp(), **changes})


def test_who_accompanies_a_thread_that_ends_ends_with_it(settings, monkeypatch):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto", "NAMESPACE": lambda: "acme"}
    monkeypatch.setattr(process, "_TURN", 0)
    ended = threading.Event()
    MIRROR.accompany(lambda stop: stop.wait() and ended.set())

    MIRROR._start_thread()

    assert ended.wait(30)
    MIRROR.forget()
