"""Housekeeping: what goes and what stays, in batches, by one process at a time."""

import uuid
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone

from tests.crowd import at_once, elsewhere, held_open
from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.audit import mac, trail
from tokenauth.errors import Cause, Refused
from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import JOBS, Job, LeasedByAnother, NotDue, Ran, batches, jobs
from tokenauth.flows.housekeeping.batches import Allowance
from tokenauth.flows.housekeeping.purge import DEVICES, MARKS, PROCESSES, SLACK, purge
from tokenauth.flows.housekeeping.stamp import stamp
from tokenauth.flows.revoke import revoke, revoke_others
from tokenauth.models import (
    AccountState,
    Device,
    EventDetail,
    KeyRecord,
    MirrorProcess,
    PasswordUpgrade,
    Plane,
    RevocationOrder,
    TaskRun,
    TokenEvent,
    TokenFamily,
)
from tokenauth.models.event import EventKind
from tokenauth.models.key import KeyPurpose, KeyState
from tokenauth.models.order import OrderKind
from tokenauth.models.users import key_of
from tokenauth.revocation import orders
from tokenauth.revocation.subjects import Everything, EverythingBefore, OfClient, OfDevice, OfUser

pytestmark = pytest.mark.django_db
DAY = 86_400


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "SIZE", 2)


def later(seconds: float):
    return timezone.now() + timedelta(seconds=seconds)


def order(number: int | None, *, ended_for: float | None = None) -> int:
    until = None if ended_for is None else later(-ended_for)
    made = RevocationOrder.objects.create(
        number=number, kind=OrderKind.USER, key="a", at=later(-DAY), until=until
    )
    return made.pk


def numbers() -> list[int | None]:
    return list(RevocationOrder.objects.order_by("id").values_list("number", flat=True))


def newest_is(n: int) -> None:
    Plane.objects.ensure()
    Plane.objects.update(n=n)


def event(*, ago: float, detail: bool = False, user_key: str = "", device: UUID | None = None) -> int:
    at = later(-ago)
    personal = trail.detail(address="192.0.2.1", agent="x") if detail else None
    with transaction.atomic():
        made = trail.entry(EventKind.REVOKED, at=at, user_key=user_key, device=device, detail=personal)
        trail.save(made, using="default", detail=personal)
    return made.pk


def device(*, ago: float, user_key: str = "7") -> Device:
    client = log_in().client
    AccountState.objects.get_or_create(user_key=user_key)
    return Device.objects.create(user_key=user_key, client=client, created_at=later(-ago))


class TestPurge:
    def test_a_family_goes_once_its_absolute_end_is_well_past(self):
        session = log_in()
        end = session.family.absolute_expires_at

        purge(end + timedelta(seconds=SLACK - 1))
        kept = TokenFamily.objects.filter(pk=session.family_id).exists()
        purge(end + timedelta(seconds=SLACK))

        assert kept
        assert not TokenFamily.objects.filter(pk=session.family_id).exists()
        assert Device.objects.filter(pk=session.pair.device_id).exists()

    def test_a_revoked_family_stays_until_then(self):
        session = log_in()
        revoke(OfUser(key_of(session.user)))
        stamp(timezone.now())

        purge(later(3 * DAY))

        assert session.family.revoked_at is not None

    def test_orders_go_that_are_numbered_and_over(self):
        newest_is(9)
        order(1, ended_for=SLACK)
        order(2, ended_for=SLACK - 5)
        order(3, ended_for=-60)
        order(9, ended_for=-60)

        assert purge(timezone.now()) == 1
        assert numbers() == [2, 3, 9]

    def test_the_newest_order_is_never_deleted(self):
        newest_is(3)
        for number in (1, 2, 3):
            order(number, ended_for=400 * DAY)

        purge(timezone.now())
        purge(timezone.now())

        assert numbers() == [3]

    def test_an_unnumbered_order_never_expires(self):
        newest_is(3)
        order(None)
        order(None, ended_for=400 * DAY)

        assert purge(later(1000 * DAY)) == 0
        assert numbers() == [None, None]

    def test_without_a_plane_no_order_is_deleted(self):
        Plane.objects.all().delete()
        order(1, ended_for=DAY)

        purge(timezone.now())

        assert numbers() == [1]

    def test_an_event_goes_with_its_retention_and_its_personal_part_before(self):
        young, aged, old = (event(ago=days * DAY, detail=True) for days in (89, 91, 401))

        assert purge(timezone.now()) == 2

        assert list(TokenEvent.objects.order_by("pk").values_list("pk", flat=True)) == [young, aged]
        assert list(EventDetail.objects.values_list("pk", flat=True)) == [young]
        assert not TokenEvent.objects.filter(pk=old).exists()
        assert mac.holds(TokenEvent.objects.get(pk=aged))

    def test_the_retentions_are_the_sites(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "EVENT_RETENTION": 10 * DAY, "DETAIL_RETENTION": DAY}
        kept, gone = event(ago=9 * DAY, detail=True), event(ago=11 * DAY)

        purge(timezone.now())

        assert list(TokenEvent.objects.values_list("pk", flat=True)) == [kept]
        assert not EventDetail.objects.exists()
        assert gone != kept

    def test_a_device_goes_that_has_no_family_and_was_not_heard_of_for_long(self):
        silent, new = device(ago=DEVICES + 5), device(ago=DEVICES - 5)
        heard = device(ago=DEVICES + 5, user_key="8")
        event(ago=DAY, user_key="8", device=heard.pk)
        Device.objects.filter(families__isnull=False).update(created_at=later(-2 * DEVICES))

        assert purge(timezone.now()) == 1

        assert not Device.objects.filter(pk=silent.pk).exists()
        assert Device.objects.filter(pk__in=[new.pk, heard.pk]).count() == 2
        assert Device.objects.filter(families__isnull=False).count() == 3

    def test_marks_of_better_hashes_go_after_an_hour(self):
        for ago in (MARKS + 5, MARKS - 5):
            PasswordUpgrade.objects.mark("7", old="old", new="new", at=later(-ago))

        assert purge(timezone.now()) == 1
        assert PasswordUpgrade.objects.count() == 1

    def test_rows_of_processes_that_were_killed_go_after_an_hour(self):
        Plane.objects.ensure()
        for ago in (PROCESSES + 5, PROCESSES - 5):
            MirrorProcess.objects.create(
                id=uuid.uuid4(),
                host="web1",
                pid=7,
                started_at=timezone.now(),
                reported=Plane.objects.milliseconds() - ago * 1000,
            )

        assert purge(timezone.now()) == 1
        assert MirrorProcess.objects.count() == 1

    def test_twice_is_harmless(self):
        session = log_in()
        newest_is(2)
        order(1, ended_for=DAY)
        moment = session.family.absolute_expires_at + timedelta(seconds=SLACK)

        assert purge(moment) > 0
        assert purge(moment) == 0


@pytest.mark.usefixtures("small_batches")
class TestBatches:
    def test_all_batches_of_a_run_are_done(self):
        newest_is(100)
        for number in range(1, 8):
            order(number, ended_for=DAY)
        for _ in range(7):
            event(ago=401 * DAY)

        assert purge(timezone.now()) == 14

    def test_no_transaction_takes_more_than_a_batch(self):
        newest_is(100)
        for number in range(1, 6):
            order(number, ended_for=DAY)
        sizes = []

        def deed(rows):
            sizes.append(rows.count())
            return batches.delete(rows)

        batches.each(
            RevocationOrder.objects.filter(number__lt=100), deed, using="default", allowance=Allowance()
        )

        assert sizes == [2, 2, 1]

    def test_the_deed_meets_the_database_that_was_asked_for(self):
        newest_is(100)
        order(1, ended_for=DAY)
        bound_to = []

        batches.each(
            RevocationOrder.objects.all(),
            lambda rows: bound_to.append(rows._db) or 0,
            using="default",
            allowance=Allowance(),
        )

        assert bound_to == ["default"]

    def test_one_run_is_bounded_and_the_next_goes_on(self, monkeypatch):
        monkeypatch.setattr(batches, "MOST", 2)
        newest_is(100)
        for number in range(1, 8):
            order(number, ended_for=DAY)

        assert [purge(timezone.now()) for _ in range(3)] == [4, 3, 0]

    def test_a_run_that_leaves_something_says_so_and_the_job_stays_due(self, monkeypatch):
        monkeypatch.setattr(batches, "MOST", 2)
        newest_is(100)
        for number in range(1, 8):
            order(number, ended_for=DAY)

        first = housekeeping.run("purge")

        assert first == Ran(4, finished=False)
        assert "purge" in housekeeping.overdue(timezone.now())
        assert housekeeping.run("purge") == Ran(3)
        assert "purge" not in housekeeping.overdue(timezone.now())

    def test_windows_are_counted_even_where_little_in_them_is_old(self):
        for _ in range(4):
            event(ago=401 * DAY)
            event(ago=DAY)
        allowance = Allowance(batches=2)

        assert purge(timezone.now(), allowance) == 2
        assert allowance.left_over

    def test_what_comes_last_is_not_starved_by_batches_that_are_not_full(self):
        newest_is(100)
        order(1, ended_for=DAY)
        event(ago=401 * DAY)
        allowance = Allowance(batches=1)

        assert purge(timezone.now(), allowance) == 2
        assert not allowance.left_over

    def test_an_event_dated_wrong_holds_nothing_up(self):
        event(ago=-1000 * DAY)
        for _ in range(4):
            event(ago=401 * DAY)

        assert purge(timezone.now()) == 4

    def test_a_deed_that_changes_nothing_ends_too(self):
        newest_is(100)
        for number in range(1, 6):
            order(number, ended_for=DAY)

        done = batches.each(
            RevocationOrder.objects.all(), lambda rows: 0, using="default", allowance=Allowance()
        )

        assert done == 0


class TestStamp:
    def test_families_of_a_revoked_account_end_with_its_cause(self):
        session, other = log_in(), log_in()
        revoke(OfUser(key_of(session.user)))
        before = session.family.revoked_at
        at = timezone.now()

        assert stamp(at) == 1

        family = session.family
        assert (before, family.revoked_at, family.cause) == (None, at, Cause.ACCOUNT_CHANGED)
        assert family.live_device is None
        assert other.family.revoked_at is None

    @pytest.mark.parametrize(
        "subject",
        [
            lambda session: OfClient(session.client.client_id),
            lambda session: OfDevice(session.pair.device_id),
            lambda session: Everything(),
        ],
        ids=["client", "device", "site"],
    )
    def test_and_those_of_a_revoked_client_device_or_site(self, subject):
        session = log_in()
        revoke(subject(session))

        assert stamp(timezone.now()) == 1
        assert session.family.cause == Cause.REVOKED

    def test_and_those_from_before_a_moment(self):
        old, new = log_in(), log_in()
        TokenFamily.objects.filter(pk=old.family_id).update(created_at=later(-600))
        revoke(EverythingBefore(later(-120)))

        assert stamp(timezone.now()) == 1
        assert (old.family.cause, new.family.revoked_at) == (Cause.REVOKED, None)

    def test_the_cause_is_the_one_that_a_refresh_is_refused_for(self):
        session = log_in()
        revoke(Everything())
        revoke(OfUser(key_of(session.user)))
        unstamped = session.show(session.pair.refresh_token)

        stamp(timezone.now())

        assert isinstance(unstamped, Refused)
        assert session.family.cause == unstamped.cause
        assert session.show(session.pair.refresh_token) == unstamped

    def test_a_session_that_was_kept_lives(self):
        session = log_in()
        beside = log_in(session.user, session.client)
        revoke_others(user_key=key_of(session.user), but_family=session.family_id)

        assert stamp(timezone.now()) == 1
        assert beside.family.revoked_at is not None
        session.refresh()

    def test_a_login_after_the_revocation_lives(self):
        user = UserFactory()
        log_in(user)
        revoke(OfUser(key_of(user)))
        fresh = log_in(user)

        assert stamp(timezone.now()) == 1
        assert fresh.family.revoked_at is None

    def test_what_ended_by_itself_keeps_its_cause_and_twice_is_harmless(self):
        session = log_in()
        TokenFamily.objects.end(at=later(-60), cause=Cause.LOGGED_OUT, actor="x")
        revoke(Everything())

        assert (stamp(timezone.now()), stamp(timezone.now())) == (0, 0)
        assert session.family.cause == Cause.LOGGED_OUT

    @pytest.mark.usefixtures("small_batches")
    def test_many_families_take_many_batches(self):
        user = UserFactory()
        for _ in range(5):
            log_in(user)
        revoke(OfUser(key_of(user)))

        assert stamp(timezone.now()) == 5


class TestRotateKeys:
    def active(self) -> str:
        return KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.ACTIVE).kid

    def test_a_young_key_signs_on(self):
        log_in()
        before = self.active()

        assert jobs.rotate_keys(later(89 * DAY)) == 0
        assert self.active() == before

    def test_an_old_key_hands_over_to_the_one_that_was_announced(self):
        log_in()
        before = self.active()
        announced = KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.NEXT).kid

        assert jobs.rotate_keys(later(91 * DAY)) == 1

        assert self.active() == announced
        assert KeyRecord.objects.get(pk=before).state == KeyState.RETIRING
        assert jobs.rotate_keys(later(91 * DAY)) == 0

    def test_the_spent_one_is_retired_later(self):
        log_in()
        before = self.active()
        jobs.rotate_keys(later(91 * DAY))

        assert jobs.rotate_keys(later(92 * DAY)) == 1
        assert KeyRecord.objects.get(pk=before).state == KeyState.RETIRED

    def test_a_next_key_that_nobody_can_know_yet_waits(self):
        log_in()
        before = self.active()
        KeyRecord.objects.filter(purpose=KeyPurpose.ACCESS, state=KeyState.NEXT).update(
            created_at=later(91 * DAY)
        )

        assert jobs.rotate_keys(later(91 * DAY)) == 0
        assert self.active() == before

    def test_a_site_without_keys_gets_none(self):
        assert jobs.rotate_keys(timezone.now()) == 0
        assert not KeyRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_job_numbers_what_nobody_numbered():
    Plane.objects.ensure()
    with transaction.atomic():
        RevocationOrder.objects.bulk_create([orders.order(OrderKind.SITE, floor=1, at=timezone.now())])

    assert housekeeping.run("number") == Ran(1)
    assert numbers() == [1]


class TestLease:
    def test_is_had_by_one_until_it_ends(self):
        at = timezone.now()

        taken = [TaskRun.objects.lease("x", 60, at + timedelta(seconds=s)) for s in (0, 59, 60, 61)]

        assert taken == [True, False, True, False]

    def test_success_frees_it_and_is_remembered(self):
        at = timezone.now()
        TaskRun.objects.lease("x", 60, at)

        TaskRun.objects.succeeded("x", at, until=at + timedelta(seconds=60))

        assert TaskRun.objects.filter(name="x", last_ok_at=at, leased_until=None).exists()

    def test_one_that_outlived_it_does_not_free_anothers(self):
        at = timezone.now()
        TaskRun.objects.lease("x", 60, at)
        TaskRun.objects.lease("x", 60, at + timedelta(seconds=90))

        TaskRun.objects.released("x", until=at + timedelta(seconds=60))
        TaskRun.objects.succeeded("x", at, until=at + timedelta(seconds=60))

        assert not TaskRun.objects.lease("x", 60, at + timedelta(seconds=91))

    def test_a_late_success_does_not_set_the_clock_back(self):
        at = timezone.now()
        for began in (at, at - timedelta(seconds=90)):
            TaskRun.objects.lease("x", 60, began)
            TaskRun.objects.succeeded("x", began, until=began + timedelta(seconds=60))

        assert TaskRun.objects.get(name="x").last_ok_at == at

    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_one_gets_it(self):
        at = timezone.now()

        for name in ("a", "b", "c"):
            won = at_once([lambda name=name: TaskRun.objects.lease(name, 60, at)] * 6)
            assert sorted(won) == [False] * 5 + [True]


class TestRun:
    @pytest.fixture
    def job(self, monkeypatch):
        calls = []

        def do(at, allowance):
            calls.append(at)
            return 3

        monkeypatch.setitem(JOBS, "job", Job(do, every=100))
        return calls

    def test_runs_what_never_ran(self, job, clock):
        assert housekeeping.run("job") == Ran(3)
        assert job == [timezone.now()]
        assert TaskRun.objects.get(name="job").last_ok_at == timezone.now()

    def test_what_ran_is_not_due_until_nearly_its_period_has_passed(self, job, clock):
        housekeeping.run("job")
        due = later(90)

        clock.shift(89)
        early = housekeeping.run("job")
        clock.shift(1)

        assert early == NotDue(due)
        assert housekeeping.run("job") == Ran(3)

    def test_force_does_not_ask_whether_it_is_due(self, job):
        housekeeping.run("job")

        assert housekeeping.run("job", force=True) == Ran(3)

    def test_what_another_runs_is_left_to_it_even_by_force(self, job):
        TaskRun.objects.lease("job", jobs.LEASE, timezone.now())

        assert housekeeping.run("job") == housekeeping.run("job", force=True) == LeasedByAnother()
        assert not job

    def test_what_a_dead_process_had_begun_is_begun_again(self, job, clock):
        TaskRun.objects.lease("job", jobs.LEASE, timezone.now())
        clock.shift(jobs.LEASE)

        assert housekeeping.run("job") == Ran(3)

    def test_one_that_raises_is_still_due_and_may_be_tried_at_once(self, job, monkeypatch, caplog):
        def broken(at, allowance):
            raise RuntimeError("no room for secrets here")

        with monkeypatch.context() as patch, caplog.at_level("INFO"):
            patch.setitem(JOBS, "job", Job(broken, every=100))
            with pytest.raises(RuntimeError):
                housekeeping.run("job")

        assert TaskRun.objects.get(name="job").last_ok_at is None
        assert "job_failed job=job error=RuntimeError" in caplog.text
        assert "secrets" not in caplog.text.split("job_failed")[1].splitlines()[0]
        assert housekeeping.run("job") == Ran(3)

    def test_no_job_of_another_name(self):
        with pytest.raises(KeyError):
            housekeeping.run("nothing")
        assert not TaskRun.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_of_two_at_once_one_runs_it(self, monkeypatch):
        # the second asks while the first is in the middle of it
        monkeypatch.setitem(
            JOBS, "job", Job(lambda at, allowance: outcomes.append(elsewhere(again)) or 3, every=100)
        )
        outcomes = []

        def again():
            return housekeeping.run("job", force=True)

        assert housekeeping.run("job") == Ran(3)
        assert outcomes == [LeasedByAnother()]

    @pytest.mark.parametrize("name", list(JOBS))
    def test_every_job_runs_on_an_empty_site_and_twice(self, name):
        assert housekeeping.run(name) == Ran(0)
        assert housekeeping.run(name, force=True) == Ran(0)


class TestOverdue:
    def test_is_what_never_succeeded_or_missed_two_of_its_periods(self, clock):
        for name in ("purge", "number"):
            housekeeping.run(name)

        clock.shift(2 * JOBS["number"].every - 1)
        first = housekeeping.overdue(timezone.now())
        clock.shift(1)

        never = ["stamp", "sweep", "rotate_keys", "propagate_orders"]
        assert first == never
        assert set(housekeeping.overdue(timezone.now())) == {*never, "number"}


@pytest.mark.django_db(transaction=True)
class TestBesideOthers:
    @pytest.mark.postgres
    def test_a_row_that_another_has_locked_is_left_to_the_next_run(self):
        first, second = log_in(), log_in()
        moment = first.family.absolute_expires_at + timedelta(seconds=SLACK + 60)

        with held_open(lambda: TokenFamily.objects.select_for_update().get(pk=first.family_id)):
            purged = elsewhere(lambda: purge(moment))
            left = set(TokenFamily.objects.values_list("pk", flat=True))

        assert purged == 1
        assert left == {first.family_id}
        assert second.family_id not in left
        assert purge(moment) == 1

    @pytest.mark.postgres
    def test_a_device_that_somebody_logs_in_with_meanwhile_stays(self):
        session = log_in(device="phone")
        TokenFamily.objects.all().delete()
        TokenEvent.objects.all().delete()
        Device.objects.update(created_at=later(-2 * DEVICES))

        with held_open(lambda: log_in(session.user, session.client, device="phone")):
            purged = elsewhere(lambda: purge(timezone.now()))

        assert purged == 0
        assert TokenFamily.objects.get().device_id == session.pair.device_id

    def test_two_purges_at_once_delete_everything_once(self, monkeypatch):
        monkeypatch.setattr(batches, "SIZE", 3)
        newest_is(100)
        for number in range(1, 31):
            order(number, ended_for=DAY)

        assert sum(at_once([lambda: purge(timezone.now())] * 2)) == 30
        assert numbers() == []
