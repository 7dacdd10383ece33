"""Guarantee 11: what was revoked stays dead, whatever is enabled, made again or set back."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.factories import PASSWORD, ClientFactory, UserFactory
from tests.sessions import Session, claims_of, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import clients
from tokenauth.flows.outcomes import Rotated
from tokenauth.flows.revoke import revoke
from tokenauth.flows.sessions import standing
from tokenauth.models import (
    AccountState,
    Client,
    Device,
    Plane,
    RevocationOrder,
    Site,
    TokenEvent,
    TokenFamily,
    users,
)
from tokenauth.models.event import EventKind
from tokenauth.revocation import clock as boot_clock
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import (
    Everything,
    EverythingBefore,
    OfClient,
    OfDevice,
    OfFamily,
    OfToken,
    OfUser,
    Subject,
)

pytestmark = pytest.mark.django_db


def is_dead(session: Session) -> bool:
    """Neither token of the session counts, and its user does not see it."""
    listed = standing(users.key_of(session.user)).filter(pk=session.family_id).exists()
    return session.is_dead() and not listed


def is_alive(session: Session) -> bool:
    accepted = session.accepts()
    return accepted and isinstance(session.show(session.pair.refresh_token), Rotated)


# --- users --------------------------------------------------------------------------------------------


def test_a_user_who_is_enabled_again_does_not_get_his_sessions_back(clock):
    session = log_in()
    session.user.is_active = False
    session.user.save()
    session.user.is_active = True
    session.user.save()

    assert is_dead(session)
    assert is_alive(log_in(session.user))


def test_a_password_that_is_changed_back_does_not_bring_sessions_back(clock):
    session = log_in()
    session.user.set_password("another one")
    session.user.save()
    session.user.set_password(PASSWORD)
    session.user.save()

    assert is_dead(session)


def deleted(user):
    user.delete()


def deleted_with_others(user):
    get_user_model().objects.filter(username__contains="user").delete()


@pytest.mark.parametrize("delete", [deleted, deleted_with_others])
def test_a_primary_key_that_is_used_again_inherits_no_session(clock, delete):
    session = log_in()
    pk = session.user.pk
    delete(session.user)
    again = UserFactory(pk=pk)
    session.user = again

    assert session.show(session.pair.refresh_token).cause is Cause.ACCOUNT_CHANGED
    assert is_dead(session)
    assert not standing(users.key_of(again)).exists()
    assert is_alive(log_in(again))


def test_revoking_a_user_before_he_exists_does_not_stop_him(clock):
    revoke(OfUser("1000"))

    assert is_alive(log_in(UserFactory(pk=1000)))


# --- clients ------------------------------------------------------------------------------------------


def test_a_client_that_is_enabled_again_does_not_get_its_sessions_back(clock):
    session = log_in()
    revoke(OfClient(session.client.client_id, disable=True))
    assert session.show(session.pair.refresh_token).cause is Cause.CLIENT_DISABLED

    clients.enable(session.client)

    assert session.show(session.pair.refresh_token).cause is Cause.REVOKED
    assert is_dead(session)
    assert is_alive(log_in(session.user, session.client))


def test_a_client_is_disabled_and_enabled_any_number_of_times_and_each_session_dies_once(clock):
    client, sessions = ClientFactory(), []
    for _ in range(3):
        sessions.append(log_in(client=client))
        revoke(OfClient(client.client_id, disable=True))
        clients.enable(client)

    assert all(map(is_dead, sessions))


# --- devices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["installation", "public id"])
def test_a_lost_device_whose_id_is_sent_again_is_a_new_one(clock, sent):
    session = log_in(device="installation-7")
    lost = session.pair.device_id
    revoke(OfDevice(lost, lost=True))
    name = "installation-7" if sent == "installation" else str(lost)

    again = log_in(session.user, session.client, device=name)

    assert again.pair.device_id != lost
    assert Device.objects.get(pk=again.pair.device_id).installation == name
    assert is_alive(again)
    assert is_dead(session)
    assert session.show(session.pair.refresh_token, device_id=name).cause is Cause.REVOKED


def test_a_lost_device_stays_lost_when_its_successor_is_lost_too(clock):
    session = log_in(device="installation-7")
    revoke(OfDevice(session.pair.device_id, lost=True))
    again = log_in(session.user, session.client, device="installation-7")
    revoke(OfDevice(again.pair.device_id, lost=True))

    third = log_in(session.user, session.client, device="installation-7")

    assert len({session.pair.device_id, again.pair.device_id, third.pair.device_id}) == 3
    assert Device.objects.exclude(lost_at=None).count() == 2
    assert is_dead(again)
    assert is_alive(third)


def test_a_device_that_was_revoked_but_not_lost_is_used_again_with_fresh_sessions_only(clock):
    session = log_in(device="installation-7", client=ClientFactory(policy="service"))
    revoke(OfDevice(session.pair.device_id))

    again = log_in(session.user, session.client, device="installation-7")

    assert again.pair.device_id == session.pair.device_id
    assert is_alive(again)
    assert is_dead(session)


# --- everything ---------------------------------------------------------------------------------------


def test_an_earlier_moment_does_not_lift_a_later_one(clock):
    session = log_in()
    clock.shift(600)
    revoke(EverythingBefore(timezone.now() - timedelta(seconds=60)))
    revoke(EverythingBefore(timezone.now() - timedelta(days=365)))
    assert not session.accepts()

    RevocationOrder.objects.all().delete()  # the row alone must know

    assert session.show(session.pair.refresh_token).cause is Cause.REVOKED


def test_a_session_that_ended_is_not_ended_anew(clock):
    session = log_in()
    revoke(OfFamily(session.family_id), cause=Cause.LOGGED_OUT)
    ended = session.family.revoked_at
    clock.shift(60)

    again = revoke(OfFamily(session.family_id))

    assert again.families == 0
    assert (session.family.revoked_at, session.family.cause) == (ended, Cause.LOGGED_OUT)


# --- a database that went back, while this process knows better ---------------------------------------


class OwnMirror:
    """This process's mirror as in production; it asks the database when a test says so."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._now = boot_clock.now

    def now(self) -> float:
        return self._now() + self._offset

    def learn(self) -> None:
        self._offset += 0.6  # more than half the bound: the next check asks
        assert MIRROR.stale() is None


@pytest.fixture
def mirror(settings, monkeypatch) -> Iterator[OwnMirror]:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}
    own = OwnMirror()
    monkeypatch.setattr(boot_clock, "now", own.now)
    yield own
    MIRROR.forget()  # its connection, before the database goes


def everything(session: Session) -> Subject:
    return Everything()


def client(session: Session) -> Subject:
    return OfClient(session.client.client_id)


def device(session: Session) -> Subject:
    return OfDevice(session.pair.device_id)


def account(session: Session) -> Subject:
    return OfUser(users.key_of(session.user))


def epoch_of(subject: Subject) -> int:
    match subject:
        case OfClient(client_id):
            return Client.objects.get(client_id=client_id).epoch
        case OfDevice(device_id):
            return Device.objects.get(pk=device_id).epoch
        case OfUser(user_key):
            return AccountState.objects.epoch_of(user_key)
    return Site.objects.epoch_now()


def set_back(subject: Subject) -> None:
    """By SQL, as a restore or failover would."""
    match subject:
        case OfClient(client_id):
            Client.objects.filter(client_id=client_id).update(epoch=0)
        case OfDevice(device_id):
            Device.objects.filter(pk=device_id).update(epoch=0)
        case OfUser(user_key):
            AccountState.objects.filter(user_key=user_key).delete()
        case Everything():
            Site.objects.all().delete()


SUBJECTS = pytest.mark.parametrize("subject_of", [everything, client, device, account])


@pytest.mark.django_db(transaction=True)
@SUBJECTS
def test_a_session_below_a_known_floor_stays_dead_when_the_epoch_is_set_back(clock, mirror, subject_of):
    session = log_in()
    subject = subject_of(session)
    revoke(subject)
    mirror.learn()
    set_back(subject)
    mirror.learn()

    assert isinstance(session.show(session.pair.refresh_token), Refused)
    assert not session.accepts()
    assert session.family.generation == 0


@pytest.mark.django_db(transaction=True)
@SUBJECTS
def test_a_login_raises_an_epoch_that_was_set_back_to_the_known_floor(clock, mirror, subject_of):
    session = log_in(device="installation-7", client=ClientFactory(policy="service"))
    subject = subject_of(session)
    for _ in range(3):
        revoke(subject)
    mirror.learn()
    set_back(subject)

    again = log_in(session.user, session.client, device="installation-7")

    assert epoch_of(subject) == 3
    assert is_alive(again)
    MIRROR.forget()  # now the row alone must know
    assert isinstance(session.show(session.pair.refresh_token), Refused)


@pytest.mark.django_db(transaction=True)
@SUBJECTS
def test_orders_that_were_deleted_stay_in_force_where_they_are_known(clock, mirror, subject_of):
    session = log_in()
    subject = subject_of(session)
    revoke(subject)
    mirror.learn()
    set_back(subject)
    RevocationOrder.objects.all().delete()
    for _ in range(2):
        mirror.learn()

    assert not session.accepts()
    assert isinstance(session.show(session.pair.refresh_token), Refused)


@pytest.mark.django_db(transaction=True)
def test_an_access_token_stays_dead_when_its_order_is_deleted(clock, mirror):
    session = log_in()
    revoke(OfToken(claims_of(session.pair.access_token).jti))
    mirror.learn()
    RevocationOrder.objects.all().delete()
    mirror.learn()

    assert not session.accepts()
    assert is_alive(log_in(session.user))


@pytest.mark.django_db(transaction=True)
def test_numbers_that_are_given_a_second_time_bring_nothing_back(clock, mirror):
    first, second = log_in(), log_in()
    revoke(OfFamily(first.family_id))
    mirror.learn()
    RevocationOrder.objects.all().delete()
    Plane.objects.update(n=0)
    TokenFamily.objects.update(revoked_at=None, cause="", actor="")

    revoke(OfFamily(second.family_id))  # gets the number that the first had
    mirror.learn()

    assert RevocationOrder.objects.get().number == 1
    assert not first.accepts()
    assert not second.accepts()
    assert first.show(first.pair.refresh_token) == Refused(Cause.ENDED, first.family_id)


@pytest.mark.django_db(transaction=True)
def test_a_session_that_ended_stays_dead_when_its_row_is_set_back(clock, mirror):
    session = log_in()
    before = TokenFamily.objects.filter(pk=session.family_id).values().get()
    revoke(OfFamily(session.family_id))
    mirror.learn()
    TokenFamily.objects.filter(pk=session.family_id).update(**before)

    assert session.show(session.pair.refresh_token) == Refused(Cause.ENDED, session.family_id)
    assert not session.accepts()


@pytest.mark.django_db(transaction=True)
def test_a_theft_that_was_found_stays_found_when_the_row_is_set_back(clock, mirror):
    session = log_in()
    stolen = session.pair.refresh_token
    session.refresh()
    session.refresh()
    before = TokenFamily.objects.filter(pk=session.family_id).values().get()
    session.show(stolen)
    mirror.learn()
    TokenFamily.objects.filter(pk=session.family_id).update(**before)

    assert session.show(session.pair.refresh_token) == Refused(Cause.ENDED, session.family_id)
    assert not session.accepts()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_was_set_back_to_an_older_generation_goes_on_from_the_newest_token(clock, mirror):
    session = log_in()
    before = TokenFamily.objects.filter(pk=session.family_id).values().get()
    first = session.pair.access_token
    for _ in range(3):
        session.refresh()
    TokenFamily.objects.filter(pk=session.family_id).update(**before)
    mirror.learn()

    outcome = session.show(session.pair.refresh_token)

    assert isinstance(outcome, Rotated)
    assert outcome.adopted
    assert session.family.generation == 4
    assert session.accepts(outcome.pair.access_token)
    assert not session.accepts(first)
    event = TokenEvent.objects.of_family(session.family_id).get(kind=EventKind.DATABASE_BEHIND)
    assert event.data == {"from": 0, "to": 4}


@pytest.mark.django_db(transaction=True)
def test_an_old_token_that_a_set_back_row_takes_for_the_newest_is_found_when_the_owner_comes(clock, mirror):
    session = log_in()
    before = TokenFamily.objects.filter(pk=session.family_id).values().get()
    copied = session.pair.refresh_token
    for _ in range(3):
        session.refresh()
    TokenFamily.objects.filter(pk=session.family_id).update(**before)
    mirror.learn()

    taken = session.show(copied)
    mirror.learn()

    assert not session.accepts(taken.pair.access_token)  # below the generation that is known
    session.refresh()
    assert session.show(taken.pair.refresh_token) == Refused(Cause.REUSE, session.family_id)
