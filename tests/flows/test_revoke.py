"""Revoking at every level, and how the levels combine."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import ClientFactory, UserFactory
from tests.sessions import Session, claims_of, log_in
from tokenauth.errors import Refused
from tokenauth.flows import revoke, revoke_others
from tokenauth.flows.clients import enable
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
from tokenauth.revocation.subjects import (
    Everything,
    EverythingBefore,
    OfClient,
    OfDevice,
    OfFamily,
    OfKey,
    OfToken,
    OfUser,
    Subject,
)

pytestmark = pytest.mark.django_db(transaction=True)

LEVELS = ["family", "device", "user", "client", "everything"]


def subject(level: str, session: Session) -> Subject:
    return {
        "token": lambda: OfToken(claims_of(session.pair.access_token).jti),
        "family": lambda: OfFamily(session.family_id),
        "device": lambda: OfDevice(session.pair.device_id),
        "user": lambda: OfUser(users.key_of(session.user)),
        "client": lambda: OfClient(session.client.client_id),
        "everything": Everything,
    }[level]()


@pytest.mark.parametrize("level", LEVELS)
def test_a_revoked_level_ends_the_access_token_and_the_refresh(level):
    session = log_in()

    revoke(subject(level, session), reason="test", actor="operator")

    assert not session.accepts()
    assert isinstance(session.show(session.pair.refresh_token), Refused)


@pytest.mark.parametrize("level", LEVELS)
def test_a_login_after_the_revocation_lives(level):
    session = log_in()
    revoke(subject(level, session))

    again = log_in(session.user, session.client)

    assert again.accepts()
    assert again.refresh()


@pytest.mark.parametrize("level", ["family", "device", "user", "client"])
def test_a_revocation_hits_nothing_beside_its_subject(level):
    session, bystander = log_in(), log_in()

    revoke(subject(level, session))

    assert bystander.accepts()
    assert bystander.refresh()


@pytest.mark.parametrize("pair", list(itertools.permutations(LEVELS, 2)), ids="-then-".join)
def test_no_revocation_undoes_another(pair):
    session = log_in()

    for level in pair:
        revoke(subject(level, session))

    assert not session.accepts()
    assert isinstance(session.show(session.pair.refresh_token), Refused)
    assert log_in(session.user, session.client).accepts()


@pytest.mark.parametrize("level", ["device", "user", "client", "everything"])
def test_after_a_lossy_failover_no_epoch_is_counted_twice(level):
    """What was issued in the lost seconds carries the epoch that is counted next."""
    session = log_in()
    whom = subject(level, session)
    revoke(whom)
    late = log_in(session.user, session.client, device=str(session.pair.device_id))
    assert late.accepts()
    RevocationOrder.objects.all().delete()
    for model in (AccountState, Client, Device, Site):
        model.objects.filter(epoch__gt=0).update(epoch=F("epoch") - 1)

    revoke(whom)

    assert not late.accepts()


def test_a_token_alone_ends_while_its_session_goes_on():
    session = log_in()

    revoke(subject("token", session))

    assert not session.accepts()
    assert session.refresh()
    assert session.accepts()


def test_everything_before_a_moment_spares_what_began_after_it(clock):
    old = log_in()
    clock.shift(120)
    moment = timezone.now() - timedelta(seconds=60)
    new = log_in()

    revoke(EverythingBefore(moment))

    assert (old.accepts(), new.accepts()) == (False, True)
    assert isinstance(old.show(old.pair.refresh_token), Refused)
    assert new.refresh()


def test_a_moment_that_other_clocks_may_not_have_reached_is_no_subject():
    with pytest.raises(ValueError, match="60 seconds"):
        revoke(EverythingBefore(timezone.now()))


@pytest.mark.parametrize("unknown", [OfClient("nobody"), OfKey("nothing")])
def test_what_does_not_exist_cannot_be_revoked(unknown):
    with pytest.raises(LookupError):
        revoke(unknown)


def test_a_users_revocation_costs_the_same_for_any_number_of_sessions():
    user, client = UserFactory(), ClientFactory()
    for _ in range(5):
        log_in(user, client)
    revoke(OfUser("warm"))

    with CaptureQueriesContext(connection) as queries:
        revoke(OfUser(users.key_of(user)))

    statements = [query["sql"] for query in queries.captured_queries if query["sql"] != "BEGIN"]
    before_commit = statements[: statements.index("COMMIT")]
    assert len(before_commit) <= 4, "\n".join(statements)
    assert not any("tokenauth_tokenfamily" in sql for sql in before_commit)
    assert TokenFamily.objects.filter(revoked_at=None).count() == 5


def test_a_revocation_is_in_the_trail_with_who_and_why():
    session = log_in()

    revoke(OfUser(users.key_of(session.user)), reason="laptop stolen", actor="support:7")

    event = TokenEvent.objects.latest("id")
    assert (event.actor, event.data, event.user_key) == (
        "support:7",
        {"reason": "laptop stolen"},
        users.key_of(session.user),
    )


def test_orders_are_numbered_after_their_commit_without_a_gap():
    Plane.objects.ensure()  # as the first poll of any process does
    for _ in range(3):
        revoke(OfUser("someone"))

    assert list(RevocationOrder.objects.order_by("id").values_list("number", flat=True)) == [1, 2, 3]


class TestRevokingTheOthers:
    def test_keeps_ones_own_and_ends_the_rest(self):
        user, client = UserFactory(), ClientFactory()
        own, other = log_in(user, client), log_in(user, client)

        kept = revoke_others(user_key=users.key_of(user), but_family=own.family_id)

        assert kept.families == 1
        assert not own.accepts()
        assert own.refresh()
        assert own.accepts()
        assert isinstance(other.show(other.pair.refresh_token), Refused)

    def test_does_not_revive_a_session_that_another_revocation_ended(self):
        session = log_in()
        revoke(OfUser(users.key_of(session.user)))

        kept = revoke_others(user_key=users.key_of(session.user), but_family=session.family_id)

        assert kept.families == 0
        assert isinstance(session.show(session.pair.refresh_token), Refused)

    def test_keeps_no_session_of_another_user(self):
        session, stranger = log_in(), log_in()

        kept = revoke_others(user_key=users.key_of(session.user), but_family=stranger.family_id)

        assert kept.families == 0
        assert stranger.refresh()


class TestADisabledClient:
    def test_is_refused_until_it_is_enabled_and_what_died_stays_dead(self):
        session = log_in()

        revoke(OfClient(session.client.client_id, disable=True))
        while_disabled = session.accepts()
        enable(Client.objects.get(pk=session.client.pk))

        assert not while_disabled
        assert not session.accepts()
        assert isinstance(session.show(session.pair.refresh_token), Refused)
        assert log_in(session.user, session.client).accepts()


def test_a_lost_device_is_final():
    session = log_in(device="phone")
    revoke(OfDevice(session.pair.device_id, lost=True))

    again = log_in(session.user, session.client, device="phone")

    assert again.pair.device_id != session.pair.device_id
    assert Device.objects.get(pk=session.pair.device_id).lost_at is not None


@pytest.mark.parametrize("reason", ["😀" * 300, "x" * 5_000, "\x00é" * 300, ""])
def test_any_reason_is_taken_and_cut(reason):
    revoke(OfUser("someone"), reason=reason, actor="a" * 400)

    assert TokenEvent.objects.latest("id").user_key == "someone"


def test_a_moment_within_a_second_covers_what_began_in_it(clock):
    clock.move_to(datetime(2026, 1, 1, 12, 0, 0, 300_000, UTC))
    session = log_in()
    clock.shift(120)

    revoke(EverythingBefore(datetime(2026, 1, 1, 12, 0, 0, 700_000, UTC)))

    assert isinstance(session.show(session.pair.refresh_token), Refused)
