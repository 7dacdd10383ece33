"""The two statements of a refresh: one reads all that decides, one writes if that still stands."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from django.utils import timezone
from time_machine import Traveller

from tests.factories import ClientFactory
from tests.models.conftest import sent
from tests.sessions import Session, answer_of, log_in
from tokenauth.audit import trail
from tokenauth.errors import Cause
from tokenauth.flows.outcomes import Rotated
from tokenauth.flows.revoke import revoke
from tokenauth.flows.rotate import rotate
from tokenauth.models import (
    Client,
    Device,
    EventDetail,
    RevocationOrder,
    TokenEvent,
    TokenFamily,
    rotation,
    users,
)
from tokenauth.models.event import EventKind
from tokenauth.models.order import OrderKind
from tokenauth.models.rotation import Raw, Write
from tokenauth.revocation import orders
from tokenauth.revocation.subjects import Everything, EverythingBefore, OfClient, OfDevice, OfUser
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db(transaction=True)


def facts_of(session: Session) -> rotation.Facts:
    facts = rotation.read(session.family_id, using="default")
    assert facts is not None
    return facts


def write(session: Session, **parts: object) -> Write:
    """A rotation of a session, as far as the table is concerned."""
    event = trail.entry(
        EventKind.ROTATED, at=timezone.now(), family=session.family_id, generation=1, branch=0
    )
    return Write(**{"changes": {"generation": 1, "won": 0}, "event": event, **parts})


def swapped(session: Session, facts: rotation.Facts, **parts: object) -> bool:
    return rotation.swap(facts.family, write(session, **parts), using="default")


class TestRead:
    pytestmark = pytest.mark.django_db

    def test_an_unknown_family_is_nothing(self):
        assert rotation.read(uuid.uuid4(), using="default") is None

    def test_a_family_is_read_as_the_orm_would_read_it(self):
        session = log_in(device="phone-1", client=ClientFactory(exact=True))
        session.refresh(key="a-key-of-one-attempt")

        read = facts_of(session).family

        fields = [field.attname for field in TokenFamily._meta.concrete_fields]
        stored = TokenFamily.objects.get(pk=session.family_id)
        assert {name: getattr(read, name) for name in fields} == {
            name: getattr(stored, name) for name in fields
        }

    def test_what_stands_above_a_family_is_read_with_it(self, clock):
        session = log_in(device="phone-1")
        before = facts_of(session)
        clock.shift(600)
        moment = timezone.now() - timedelta(seconds=100)
        for subject in (
            *(OfUser(users.key_of(session.user)), OfClient(session.client.client_id, disable=True)),
            *(OfDevice(session.pair.device_id, lost=True), Everything(), Everything()),
            EverythingBefore(moment),
        ):
            revoke(subject)

        after = facts_of(session)

        epochs = ("account_epoch", "client_epoch", "device_epoch", "site_epoch")
        assert [getattr(before, name) for name in epochs] == [0, 0, 0, 0]
        assert [getattr(after, name) for name in epochs] == [1, 1, 1, 2]
        assert (before.client_disabled_at, before.device_lost_at, before.issued_before) == (None, None, None)
        assert after.client_disabled_at == after.device_lost_at == timezone.now()
        assert after.issued_before == int(moment.timestamp())
        assert (before.device_installation, after.device_installation) == ("phone-1", None)
        assert after.client_id == session.client.client_id

    def test_the_user_comes_with_what_decides_and_no_more(self):
        session = log_in()

        user = facts_of(session).user

        assert isinstance(user, get_user_model())
        assert (user.pk, user.is_active) == (session.user.pk, True)
        assert {"password", "email", "username"} <= user.get_deferred_fields()

    def test_a_user_who_is_gone_is_nobody(self):
        session = log_in()
        session.user.delete()

        assert facts_of(session).user is None

    def test_it_is_one_statement(self):
        session = log_in()
        facts_of(session)

        with sent() as statements:
            facts_of(session)

        assert len(statements) == 1


class TestSwap:
    def test_it_writes_changes_event_detail_and_order_at_once(self):
        session = log_in()
        personal = trail.detail(address="192.0.2.7", agent="a browser")
        order = orders.order(OrderKind.GENERATION, key=str(session.family_id), floor=1, at=timezone.now())

        assert swapped(session, facts_of(session), detail=personal, order=order)

        event = TokenEvent.objects.of_family(session.family_id).get(kind=EventKind.ROTATED)
        assert (session.family.generation, session.family.won) == (1, 0)
        assert EventDetail.objects.get(event=event).address == "192.0.2.7"
        assert RevocationOrder.objects.get().floor == 1

    @pytest.mark.parametrize(
        "moved",
        [
            {"generation": 1},
            {"branches": 2},
            {"ep_user": 1},
            {"revoked_at": timezone.now(), "cause": "test", "live_device": None},
        ],
        ids=lambda moved: next(iter(moved)),
    )
    def test_it_writes_nothing_at_all_where_the_row_has_moved(self, moved):
        session = log_in()
        facts = facts_of(session)
        TokenFamily.objects.filter(pk=session.family_id).update(**moved)
        before = TokenFamily.objects.values().get()
        order = orders.order(OrderKind.FAMILY, key="any", at=timezone.now())

        assert not swapped(session, facts, detail=trail.detail(address=None, agent=""), order=order)

        assert TokenFamily.objects.values().get() == before
        assert TokenEvent.objects.count() == 1
        assert EventDetail.objects.count() == 1
        assert not RevocationOrder.objects.exists()

    def test_a_repeat_that_marked_the_row_meanwhile_does_not_stop_it(self):
        session = log_in()
        facts = facts_of(session)
        TokenFamily.objects.filter(pk=session.family_id).update(overlapped=True)
        counted = Raw("CASE WHEN overlapped THEN overlap_run + 1 ELSE 0 END")

        changes = {"overlap_run": counted, "overlapped": False, "generation": 1}

        assert swapped(session, facts, changes=changes)
        assert (session.family.overlap_run, session.family.overlapped) == (1, False)

    def test_a_column_may_be_computed_from_a_value_by_the_row(self):
        session = log_in()

        assert swapped(session, facts_of(session), changes={"overlap_run": Raw("overlap_run + %s", 5)})

        assert session.family.overlap_run == 5

    def test_the_second_of_two_that_read_the_same_row_writes_nothing(self):
        session = log_in()
        first, second = facts_of(session), facts_of(session)

        assert [swapped(session, first), swapped(session, second)] == [True, False]
        assert TokenEvent.objects.filter(kind=EventKind.ROTATED).count() == 1

    def test_it_joins_the_callers_transaction(self):
        session = log_in()
        facts = facts_of(session)

        with transaction.atomic():
            assert swapped(session, facts)
            transaction.set_rollback(True)

        assert session.family.generation == 0
        assert TokenEvent.objects.count() == 1

    def test_a_failure_in_the_event_leaves_the_row_alone(self):
        session = log_in()
        facts = facts_of(session)
        spoiled = write(session).event
        spoiled.mac = None

        with pytest.raises(Exception, match=r"(?i)null"):
            swapped(session, facts, event=spoiled)

        assert session.family.generation == 0


class TestStatements:
    """How many a refresh sends; the mirror asks on a connection of its own."""

    pytestmark = [pytest.mark.usefixtures("own_mirror"), pytest.mark.direct]

    @pytest.mark.postgres
    def test_a_refresh_is_two_on_postgres(self, clock):
        session = log_in()
        refreshed_near_expiry(session, clock)

        assert refreshed_near_expiry(session, clock) == ["EXECUTE", "EXECUTE"]

    @pytest.mark.postgres
    def test_the_order_of_an_early_refresh_is_in_the_second(self, clock):
        session = log_in()
        shown(session, session.refresh().refresh_token)

        kinds = shown(session, session.refresh().refresh_token)

        # its number is given afterwards, by whoever comes first
        assert kinds[:2] == ["EXECUTE", "EXECUTE"]
        assert "EXECUTE" not in kinds[2:]

    @pytest.mark.postgres
    def test_theft_is_two(self, clock):
        session = log_in()
        stolen = session.pair.refresh_token
        for _ in range(2):
            clock.shift(290)
            session.refresh()

        assert shown(session, stolen)[:3] == ["EXECUTE", "PREPARE", "EXECUTE"]

    @pytest.mark.skipif(connection.vendor == "postgresql", reason="there it is two")
    def test_a_refresh_elsewhere_is_one_select_one_update_one_insert(self, clock):
        session = log_in()

        # where rows are locked, one that another holds is seen before it is waited for
        lock = ["SELECT"] if connection.features.has_select_for_update_skip_locked else []
        assert refreshed_near_expiry(session, clock) == ["SELECT", *lock, "UPDATE", "INSERT"]

    def test_a_repeat_is_one(self, clock):
        session = log_in()
        session.refresh_and_lose_the_answer()
        session.refresh_and_lose_the_answer()

        assert len(shown(session, session.pair.refresh_token)) == 1

    def test_a_token_that_nobody_signed_is_none(self, clock):
        session = log_in()

        assert shown(session, session.pair.refresh_token[:-6] + "AAAAAA") == []


def shown(session: Session, token: str) -> list[str]:
    """What kinds of statements one presentation sends."""
    asked = session.asked()
    assert KEYRING.signing()
    with sent() as statements:
        rotate(token, asked=asked)
    return [sql.partition(" ")[0] for sql in statements]


def refreshed_near_expiry(session: Session, clock: Traveller) -> list[str]:
    clock.shift(290)
    kinds = shown(session, session.pair.refresh_token)
    session.pair = answer_of(session.show(session.pair.refresh_token))
    return kinds


@pytest.mark.postgres
class TestLocks:
    def test_a_row_that_another_holds_counts_as_moved_at_once(self, elsewhere):
        session = log_in()
        facts = facts_of(session)
        held = "SELECT 1 FROM tokenauth_tokenfamily WHERE id = %s FOR NO KEY UPDATE"
        elsewhere.set_autocommit(False)
        with elsewhere.cursor() as cursor:
            cursor.execute(held, [session.family_id])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 500")

        assert not swapped(session, facts)
        elsewhere.rollback()
        assert swapped(session, facts)

    def test_a_refresh_of_a_row_that_stays_locked_gives_up_and_consumes_nothing(self, elsewhere):
        session = log_in()
        elsewhere.set_autocommit(False)
        with elsewhere.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM tokenauth_tokenfamily WHERE id = %s FOR UPDATE", [session.family_id]
            )

        outcome = session.show(session.pair.refresh_token)

        assert (outcome.cause, outcome.retry_after) == (Cause.BUSY, 1)
        elsewhere.rollback()
        assert isinstance(session.show(session.pair.refresh_token), Rotated)

    @pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
    def test_the_slow_branch_sees_what_was_committed_meanwhile(self, elsewhere, level):
        session = log_in()
        with connection.cursor() as cursor:
            cursor.execute(f"SET default_transaction_isolation = '{level}'")
        stale = facts_of(session)
        session.refresh()

        assert not rotation.swap(stale.family, write(session), using="default")

        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_isolation")
        assert session.family.generation == 1

    def test_a_rotation_that_is_held_open_delays_no_other_family(self):
        one, other = log_in(), log_in()

        with held_open(one.refresh):
            outcome = other.show(other.pair.refresh_token)

        assert isinstance(outcome, Rotated)

    def test_a_login_that_ends_a_session_keeps_no_other_login_of_its_client_waiting(self):
        client = ClientFactory()
        mine = log_in(client=client, device="phone-1")

        with held_open(lambda: log_in(mine.user, client, device="phone-1")):
            somebody_elses = log_in(client=client)

        assert somebody_elses.family.revoked_at is None
        assert mine.family.cause == Cause.REPLACED


@contextmanager
def held_open(deed: Callable[[], object]) -> Iterator[None]:
    """Do it in another thread's transaction that stays open; here nothing waits long for a lock."""
    is_open, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                deed()
                is_open.set()
                may_end.wait(20)
        finally:
            is_open.set()
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    is_open.wait(20)
    # not statement_timeout: it does not count while COMMIT checks foreign keys
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 500")
    try:
        yield
    finally:
        may_end.set()
        holder.join()


def test_a_lock_says_whether_there_is_a_row():
    session = log_in()

    with transaction.atomic():
        assert rotation.lock(session.family_id, using="default")
        assert not rotation.lock(uuid.uuid4(), using="default")


def test_a_family_without_client_or_device_cannot_be(clock):
    session = log_in()

    assert Client.objects.filter(families=session.family_id).exists()
    assert Device.objects.filter(families=session.family_id).exists()
