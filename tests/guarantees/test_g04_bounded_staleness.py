"""Guarantee 4: no token is accepted later than the bound after its revocation (DESIGN 6, PROTOCOL 3)."""

import os

import pytest
from django.db import connections
from django.test import Client as Browser
from django.utils import timezone

from tests.factories import ClientFactory, UserFactory
from tests.http import Http
from tests.other_process import revoke_elsewhere
from tests.sessions import Session, log_in, why_refused
from tokenauth.errors import Cause, Refused
from tokenauth.models import RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation import numbering, source
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfFamily, OfUser

pytestmark = pytest.mark.django_db(transaction=True)

STALE = Refused(Cause.STALE_MIRROR, retry_after=1)


@pytest.fixture
def session(polling, boot_clock) -> Session:
    opened = log_in()
    assert opened.accepts()
    return opened


def test_an_answer_that_lay_in_a_socket_makes_no_mirror_fresh(session, boot_clock, monkeypatch):
    """The process is stopped between the database's answer and the reading of it."""
    real = source.ask

    def lies_there(*args, **kwargs):
        answer = real(*args, **kwargs)
        revoke_elsewhere(OfFamily(session.family_id))
        boot_clock(5)
        return answer

    boot_clock(0.6)
    monkeypatch.setattr(source, "ask", lies_there)

    assert why_refused(session.pair.access_token) == STALE


def test_a_late_commit_of_an_early_order_is_not_overlooked(session, boot_clock):
    """Ids are given before the commit: a lower one may appear after a higher one was read."""
    RevocationOrder.objects.create(pk=1_000, kind=OrderKind.USER, key="other", floor=1, at=timezone.now())
    for _ in range(2):  # the second brings the number that the first gave
        boot_clock(0.6)
        assert session.accepts()
    assert MIRROR.health().number == 1

    RevocationOrder.objects.create(
        pk=500, kind=OrderKind.FAMILY, key=str(session.family_id), at=timezone.now()
    )
    boot_clock(0.6)

    assert not session.accepts()


def test_a_late_commit_is_seen_also_where_nobody_can_number_it(session, boot_clock, monkeypatch):
    monkeypatch.setattr(numbering, "number_visible", lambda connection, **more: [])
    RevocationOrder.objects.create(pk=1_000, kind=OrderKind.USER, key="other", floor=1, at=timezone.now())
    boot_clock(0.6)
    assert session.accepts()

    RevocationOrder.objects.create(
        pk=500, kind=OrderKind.FAMILY, key=str(session.family_id), at=timezone.now()
    )
    boot_clock(0.6)

    assert not session.accepts()


def test_four_fifths_of_the_bound_are_the_end(session, boot_clock, silent_database):
    silent_database()

    boot_clock(0.79)
    inside = session.accepts()
    boot_clock(0.02)

    assert inside
    assert why_refused(session.pair.access_token) == STALE


def test_a_fresh_mirror_does_not_lengthen_a_token_s_life(polling, clock):
    http, user, client = Http(Browser()), UserFactory(), ClientFactory()
    token = http.log_in(user, client)["access_token"]
    known = http.get("/api/me/", bearer=token)

    clock.shift(311)

    assert known.status_code == 200
    assert http.get("/api/me/", bearer=token).status_code == 401


class TestAForkedProcess:
    def in_a_child(self, test) -> bool:
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            verdict = 1
            try:
                verdict = 0 if test() else 1
            finally:
                os._exit(verdict)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status) == 0

    def test_asks_on_a_connection_of_its_own(self, session, boot_clock):
        parents = MIRROR._own
        assert parents is not None

        def asks() -> bool:
            boot_clock(0.6)
            return session.accepts() and MIRROR._own is not None and MIRROR._own is not parents

        assert self.in_a_child(asks)
        assert MIRROR._own is parents

    @pytest.mark.postgres
    @pytest.mark.direct
    def test_leaves_its_parents_session_as_it_is(self, session, boot_clock):
        before = self.backend()

        def asks() -> bool:
            boot_clock(0.6)
            return session.accepts() and self.backend() != before

        assert self.in_a_child(asks)
        boot_clock(0.6)
        assert session.accepts()
        assert self.backend() == before

    def backend(self) -> int:
        with MIRROR._connection().cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0]

    def test_hears_of_what_was_revoked_after_the_fork(self, session, boot_clock):
        def hears() -> bool:
            revoke_elsewhere(OfUser(users.key_of(session.user)))
            boot_clock(0.6)
            return not session.accepts()

        assert self.in_a_child(hears)

    def test_knows_at_once_what_its_parent_knew(self, session, boot_clock, silent_database):
        revoke_elsewhere(OfUser(users.key_of(session.user)))
        boot_clock(0.6)
        assert not session.accepts()
        silent_database()

        assert self.in_a_child(lambda: not session.accepts())

    def test_is_as_old_as_its_parent_was(self, session, boot_clock, silent_database):
        silent_database()

        def refuses() -> bool:
            boot_clock(0.9)
            return why_refused(session.pair.access_token) == STALE

        assert self.in_a_child(refuses)
