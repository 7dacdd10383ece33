"""The tables speak the domain: what each name selects, and what each deed writes."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from tests.crowd import at_once
from tests.factories import ClientFactory, UserFactory, secret_of
from tests.models.conftest import sent
from tests.sessions import Session, log_in
from tokenauth.models import (
    AccountState,
    Catalogue,
    Client,
    ClientSecret,
    Device,
    KeyRecord,
    Plane,
    RevocationOrder,
    Site,
    TokenEvent,
    TokenFamily,
    users,
)
from tokenauth.models.catalogue import Held
from tokenauth.models.ids import new_id
from tokenauth.models.order import OrderKind

pytestmark = pytest.mark.django_db

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def now():
    return timezone.now()


def changed(session: Session, **changes: object) -> None:
    TokenFamily.objects.filter(pk=session.family_id).update(**changes)


class TestFamilies:
    def test_a_users_come_newest_first(self, clock):
        user = UserFactory()
        made = []
        for _ in range(3):
            made.append(log_in(user).family_id)
            clock.shift(1)
        log_in()

        found = TokenFamily.objects.of_user(users.key_of(user))

        assert [family.pk for family in found] == made[::-1]

    def test_one_is_live_until_it_was_idle_too_long(self, clock):
        session = log_in()
        idle = session.family.refresh_expires_at

        assert TokenFamily.objects.live(at=idle - SECOND).exists()
        assert not TokenFamily.objects.live(at=idle).exists()

    def test_one_is_live_until_its_absolute_end(self, clock):
        session = log_in()
        end = now() + HOUR
        changed(session, absolute_expires_at=end, refresh_expires_at=end)

        assert TokenFamily.objects.live(at=end - SECOND).exists()
        assert not TokenFamily.objects.live(at=end).exists()

    def test_one_that_ended_is_not_live(self, clock):
        log_in()

        assert TokenFamily.objects.all().end(at=now(), cause="test", actor="someone") == 1
        assert not TokenFamily.objects.live(at=now()).exists()

    def test_the_first_end_counts(self, clock):
        session = log_in()
        TokenFamily.objects.all().end(at=now(), cause="first", actor="someone")
        clock.shift(10)

        assert TokenFamily.objects.all().end(at=now(), cause="second", actor="") == 0
        family = session.family
        assert (family.cause, family.actor, family.revoked_at) == ("first", "someone", now() - 10 * SECOND)
        assert family.live_device is None

    @pytest.mark.parametrize(
        "above",
        [
            {"account_epoch": 1},
            {"site": Site(epoch=1)},
            {"site": Site(issued_before=4_000_000_000)},
        ],
        ids=str,
    )
    def test_one_below_an_epoch_does_not_stand(self, clock, above):
        log_in()
        standing = {"account_epoch": 0, "site": Site(), "at": now()}

        assert TokenFamily.objects.standing(**standing).exists()
        assert not TokenFamily.objects.standing(**{**standing, **above}).exists()

    def test_one_of_a_client_that_was_disabled_or_moved_on_does_not_stand(self, clock):
        session = log_in()
        asked = {"account_epoch": 0, "site": Site(), "at": now()}

        Client.objects.filter(pk=session.client.pk).update(disabled_at=now())
        assert not TokenFamily.objects.standing(**asked).exists()

        Client.objects.filter(pk=session.client.pk).update(disabled_at=None, epoch=1)
        assert not TokenFamily.objects.standing(**asked).exists()

    def test_one_of_a_device_that_moved_on_does_not_stand(self, clock):
        session = log_in()
        Device.objects.filter(pk=session.pair.device_id).update(epoch=1)

        assert not TokenFamily.objects.standing(account_epoch=0, site=Site(), at=now()).exists()

    def test_one_begun_at_the_moment_before_which_all_were_revoked_stands(self, clock):
        log_in()
        site = Site(issued_before=int(now().timestamp()))

        assert TokenFamily.objects.standing(account_epoch=0, site=site, at=now()).exists()

    def test_the_expired_ones_come_oldest_first(self, clock):
        ends = [now() + number * HOUR for number in (30, 10, 20)]
        for end in ends:
            changed(log_in(), absolute_expires_at=end, refresh_expires_at=end)

        found = TokenFamily.objects.expired(at=now() + 20 * HOUR)

        assert [family.absolute_expires_at for family in found] == [ends[1], ends[2]]


class TestDevices:
    @pytest.fixture
    def session(self):
        return log_in(device="phone-1")

    def known(self, session: Session, sent: str, **asked: object) -> Device | None:
        of = {"user_key": users.key_of(session.user), "client": session.client, **asked}
        return Device.objects.known_as(sent, **of).first()

    def test_one_is_known_by_its_public_id_and_by_its_own(self, session):
        assert self.known(session, "phone-1").pk == session.pair.device_id
        assert self.known(session, str(session.pair.device_id)).pk == session.pair.device_id

    @pytest.mark.parametrize("sent", ["", "phone-2", str(new_id())])
    def test_others_are_not_known(self, session, sent):
        assert self.known(session, sent) is None

    def test_one_is_unknown_to_others(self, session):
        assert self.known(session, "phone-1", user_key="another") is None
        assert self.known(session, str(session.pair.device_id), user_key="another") is None
        assert self.known(session, "phone-1", client=ClientFactory()) is None

    def test_a_lost_one_is_never_found(self, session, clock):
        device = Device.objects.get()

        assert Device.objects.lose(device, at=now()) == 1

        assert self.known(session, "phone-1") is None
        assert self.known(session, str(device.pk)) is None
        assert Device.objects.get().lost_at == now()

    def test_an_epoch_moves_by_one_and_is_raised_but_never_lowered(self, session):
        device = Device.objects.get()

        assert [Device.objects.advance(device), Device.objects.advance(device)] == [1, 2]
        assert Device.objects.raise_to(device, 7) == 7
        assert Device.objects.raise_to(device, 3) == 7

    def test_a_users_are_his(self, session):
        log_in(device="phone-1")

        assert Device.objects.of_user(users.key_of(session.user)).get().pk == session.pair.device_id


class TestClients:
    def test_an_epoch_moves_by_one_and_is_raised_but_never_lowered(self):
        client, other = ClientFactory(), ClientFactory()

        assert [Client.objects.advance(client), Client.objects.advance(client)] == [1, 2]
        assert Client.objects.raise_to(client, 7) == 7
        assert Client.objects.raise_to(client, 3) == 7
        assert Client.objects.get(pk=other.pk).epoch == 0

    @pytest.mark.parametrize(
        ("changes", "lives"),
        [
            ({}, True),
            ({"expires_at": SECOND}, True),
            ({"expires_at": 0 * SECOND}, False),
            ({"revoked_at": -SECOND}, False),
        ],
        ids=str,
    )
    def test_a_secret_lives_until_it_is_revoked_or_expires(self, clock, changes, lives):
        secret_of(ClientFactory())
        ClientSecret.objects.update(**{name: now() + offset for name, offset in changes.items()})

        assert ClientSecret.objects.live(at=now()).exists() is lives
        assert ClientSecret.objects.get().is_live(now()) is lives

    def test_the_last_use_of_a_secret_is_written_once_a_period(self, clock):
        secret_of(ClientFactory())
        pk = ClientSecret.objects.get().pk
        written = []

        for _ in range(4):
            ClientSecret.objects.note_use(pk, at=now(), unless_since=now() - HOUR)
            written.append(ClientSecret.objects.get().last_used_at)
            clock.shift(1_801)

        assert len(set(written)) == 2


class TestEpochs:
    def test_an_account_begins_at_zero_and_moves_by_one(self):
        assert AccountState.objects.epoch_of("someone") == 0
        assert [AccountState.objects.advance("someone") for _ in range(3)] == [1, 2, 3]
        assert AccountState.objects.epoch_of("someone") == 3
        assert AccountState.objects.epoch_of("another") == 0

    def test_an_account_is_raised_but_never_lowered(self):
        assert AccountState.objects.raise_to("someone", 5) == 5
        assert AccountState.objects.raise_to("someone", 2) == 5

    def test_an_account_is_made_when_it_is_locked(self):
        with transaction.atomic():
            assert AccountState.objects.locked("someone").get().epoch == 0
        AccountState.objects.advance("someone")
        with transaction.atomic():
            assert AccountState.objects.locked("someone").get().epoch == 1

    def test_moving_an_account_is_one_statement_whether_it_is_there_or_not(self):
        for _ in range(2):
            with sent() as statements:
                AccountState.objects.advance("someone")

            assert len(statements) == 1

    def test_many_accounts_move_in_one_statement_whether_they_are_there_or_not(self):
        AccountState.objects.advance("b")

        with sent() as statements:
            assert AccountState.objects.advance_all(["c", "b", "a", "b"]) == {"a": 1, "b": 2, "c": 1}

        assert len(statements) == 1
        assert AccountState.objects.advance_all([]) == {}

    @pytest.mark.django_db(transaction=True)
    def test_two_that_move_the_same_accounts_at_once_wait_for_each_other(self):
        """One of them must not be the victim of a deadlock."""
        keys = [str(number) for number in range(200)]

        def move(in_order):
            with transaction.atomic():
                AccountState.objects.advance_all(in_order)

        rounds = 10
        for _ in range(rounds):
            at_once([partial(move, keys), partial(move, keys[::-1])])

        moved = AccountState.objects.values_list("epoch", flat=True).distinct()
        assert list(moved) == [2 * rounds]

    def test_the_site_begins_at_zero_without_a_row(self):
        assert (Site.objects.epoch_now(), Site.objects.now().epoch) == (0, 0)
        assert not Site.objects.exists()

    def test_the_site_moves_by_one_and_is_raised_but_never_lowered(self):
        assert [Site.objects.advance(), Site.objects.advance()] == [1, 2]
        assert (Site.objects.raise_to(9), Site.objects.raise_to(4)) == (9, 9)

    def test_the_latest_moment_before_which_nothing_counts_stays(self):
        assert Site.objects.refuse_issued_before(1_000) == 1_000
        assert Site.objects.refuse_issued_before(500) == 1_000
        assert Site.objects.refuse_issued_before(2_000) == 2_000
        assert Site.objects.epoch_now() == 0


class TestPlane:
    def orders(self, *numbers: int | None) -> None:
        for number in numbers:
            until = None if number is None else now()
            RevocationOrder.objects.create(
                kind=OrderKind.JTI, key=str(number), number=number, until=until, at=now()
            )

    def test_orders_above_a_number_come_in_order(self):
        self.orders(3, 1, None, 2)

        assert [order.number for order in RevocationOrder.objects.after(1)] == [2, 3]

    def test_unnumbered_orders_come_oldest_first(self):
        self.orders(None, 1, None)
        found = list(RevocationOrder.objects.unnumbered())

        assert [order.number for order in found] == [None, None]
        assert found[0].pk < found[1].pk

    def test_there_is_one_plane_and_it_keeps_its_id(self):
        Plane.objects.ensure()
        plane = Plane.objects.get().plane_id
        Plane.objects.ensure()

        assert Plane.objects.get().plane_id == plane

    def test_changes_of_what_every_process_holds_are_counted_apart(self):
        for held in (Held.CLIENTS, Held.KEYS, Held.KEYS):
            Catalogue.objects.changed(held)

        assert [Catalogue.objects.version_of(held) for held in Held] == [1, 2]

    def test_what_never_changed_is_at_version_zero(self):
        assert Catalogue.objects.version_of(Held.KEYS) == 0


class TestKeysAndEvents:
    def test_retired_and_killed_keys_are_not_usable(self, clock):
        for number, state in enumerate(["retiring", "retired", "killed"]):
            KeyRecord.objects.create(
                kid=str(number), purpose="audit", alg="HS256", state=state, envelope=b"", created_at=now()
            )

        assert [record.kid for record in KeyRecord.objects.usable()] == ["0"]

    def test_the_keys_of_a_purpose_are_locked_oldest_first(self, clock):
        for kid, age, purpose in (("a", 1, "audit"), ("b", 2, "audit"), ("c", 3, "plane")):
            KeyRecord.objects.create(
                kid=kid,
                purpose=purpose,
                alg="HS256",
                state="retired",
                envelope=b"",
                created_at=now() - age * HOUR,
            )

        with transaction.atomic():
            assert [record.kid for record in KeyRecord.objects.locked("audit")] == ["b", "a"]

    def test_events_of_a_family_and_of_a_user_come_oldest_first(self, clock):
        user = UserFactory()
        first, second = log_in(user), log_in(user)
        log_in()
        first.refresh()

        of_family = [event.generation for event in TokenEvent.objects.of_family(first.family_id)]
        of_user = [event.family for event in TokenEvent.objects.of_user(users.key_of(user))]
        assert of_family == [0, 1]
        assert of_user == [first.family_id, second.family_id, first.family_id]

    def test_names_of_rows_tell_no_secret(self, clock):
        session = log_in(device="phone-1")
        session.refresh()
        secret = secret_of(session.client)

        named = " ".join(
            str(row)
            for model in (TokenFamily, Client, ClientSecret, Device, KeyRecord, Plane, RevocationOrder)
            for row in model.objects.all()
        )

        assert secret not in named
        assert session.family.secret.hex() not in named
        assert "phone-1" not in named


def test_ids_sort_by_time_of_birth():
    ids = [new_id() for _ in range(100)]

    assert ids == sorted(ids)
    assert {made.version for made in ids} == {7}
