"""The life of a key."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction
from django.test import override_settings

from tests.sessions import log_in
from tokenauth.audit import mac
from tokenauth.flows import keys
from tokenauth.flows.keys import TooEarly
from tokenauth.flows.revoke import revoke
from tokenauth.models.catalogue import Catalogue, Held
from tokenauth.models.event import EventKind, TokenEvent
from tokenauth.models.family import TokenFamily
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.models.order import OrderKind, Plane, RevocationOrder
from tokenauth.revocation.subjects import OfKey
from tokenauth.tokens import records
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 25, 3, 4, 5, 678_901, tzinfo=UTC)
LONG_AGO = AT - timedelta(days=400)
TOKEN_KEYS = [KeyPurpose.ACCESS, KeyPurpose.REFRESH]
OTHERS = [purpose for purpose in KeyPurpose if purpose not in TOKEN_KEYS]


@pytest.fixture(autouse=True)
def made_long_ago():
    """A site whose keys everybody knows."""
    with transaction.atomic():
        records.make_missing(*KeyPurpose, at=LONG_AGO)
        KEYRING.changed()


def kid(purpose: KeyPurpose, state: KeyState) -> str:
    return KeyRecord.objects.get(purpose=purpose, state=state).kid


def state_of(kid: str) -> str:
    return KeyRecord.objects.get(pk=kid).state


def events() -> list[tuple[int, str]]:
    found = TokenEvent.objects.order_by("id")
    assert all(mac.holds(event) for event in found)
    return [(event.kind, event.data["kid"]) for event in found]


def in_force(purpose: KeyPurpose) -> str:
    return KEYRING.signing().kid if purpose == KeyPurpose.ACCESS else KEYRING.active(purpose).kid


class TestRotate:
    @pytest.mark.parametrize("purpose", TOKEN_KEYS)
    def test_the_next_key_takes_over_and_another_is_announced(self, purpose):
        active, following = kid(purpose, KeyState.ACTIVE), kid(purpose, KeyState.NEXT)

        rotated = keys.rotate(purpose, at=AT, actor="operator")

        assert rotated.kid == following == in_force(purpose)
        assert state_of(active) == KeyState.RETIRING
        announced = kid(purpose, KeyState.NEXT)
        assert announced not in {active, following}
        assert events() == [(EventKind.KEY_PROMOTED, following), (EventKind.KEY_MADE, announced)]

    @pytest.mark.parametrize("purpose", OTHERS)
    def test_a_purpose_that_announces_nothing_gets_a_new_key(self, purpose):
        former = kid(purpose, KeyState.ACTIVE)

        made = keys.rotate(purpose, at=AT)

        assert in_force(purpose) == made.kid != former
        assert [key.kid for key in KEYRING.all(purpose)] == [made.kid, former]

    @pytest.mark.standard("7517-05")
    @pytest.mark.parametrize(
        ("purpose", "wait"),
        [(KeyPurpose.ACCESS, 300 + 3600), (KeyPurpose.REFRESH, keys.KNOWN_TO_ALL_PROCESSES)],
    )
    def test_not_before_everybody_can_know_the_next_key(self, purpose, wait):
        keys.rotate(purpose, at=AT)
        before = list(KeyRecord.objects.order_by("kid").values())

        refused = keys.rotate(purpose, at=AT + timedelta(seconds=wait - 1))

        assert refused == TooEarly(kid(purpose, KeyState.NEXT), AT + timedelta(seconds=wait))
        assert list(KeyRecord.objects.order_by("kid").values()) == before
        assert not isinstance(keys.rotate(purpose, at=AT + timedelta(seconds=wait)), TooEarly)

    def test_at_once_where_it_must_be(self):
        keys.rotate(KeyPurpose.ACCESS, at=AT)

        assert not isinstance(keys.rotate(KeyPurpose.ACCESS, at=AT, now=True), TooEarly)

    @pytest.mark.parametrize("purpose", KeyPurpose)
    def test_any_number_of_times_there_is_one_of_each(self, purpose):
        for turn in range(4):
            keys.rotate(purpose, at=AT + timedelta(days=turn))

        slots = KeyRecord.objects.filter(purpose=purpose).exclude(active_slot=None)
        assert [record.state for record in slots.order_by("active_slot")] == list(records.states_of(purpose))

    def test_tokens_of_the_former_keys_live_on(self):
        session = log_in()
        before = session.pair

        for purpose in TOKEN_KEYS:
            keys.rotate(purpose, at=AT)

        assert session.accepts(before.access_token)
        assert session.refresh() != before
        assert session.accepts()

    def test_the_algorithm_follows_the_setting_by_way_of_the_next_key(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": "EdDSA"}

        assert keys.rotate(KeyPurpose.ACCESS, at=AT).alg == "ES256"
        assert keys.rotate(KeyPurpose.ACCESS, at=AT, now=True).alg == "EdDSA"

    def test_a_next_key_that_somebody_spoiled_is_passed_over(self):
        spoiled = kid(KeyPurpose.ACCESS, KeyState.NEXT)
        KeyRecord.objects.filter(pk=spoiled).update(alg="none")

        rotated = keys.rotate(KeyPurpose.ACCESS, at=AT)

        assert rotated.kid not in {spoiled}
        assert in_force(KeyPurpose.ACCESS) == rotated.kid

    def test_every_process_hears_of_it(self):
        version = Catalogue.objects.version_of(Held.KEYS)

        keys.rotate(KeyPurpose.ACCESS, at=AT)

        assert Catalogue.objects.version_of(Held.KEYS) > version


class TestNew:
    def test_replaces_the_key_that_waits(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ALG": "EdDSA"}
        waited, active = kid(KeyPurpose.ACCESS, KeyState.NEXT), kid(KeyPurpose.ACCESS, KeyState.ACTIVE)

        made = keys.new(KeyPurpose.ACCESS, at=AT)

        assert (made.state, made.alg) == (KeyState.NEXT, "EdDSA")
        assert state_of(waited) == KeyState.RETIRED
        assert in_force(KeyPurpose.ACCESS) == active
        assert events() == [(EventKind.KEY_RETIRED, waited), (EventKind.KEY_MADE, made.kid)]

    @pytest.mark.parametrize("purpose", OTHERS)
    def test_is_the_key_in_use_where_none_is_announced(self, purpose):
        assert in_force(purpose) != keys.new(purpose, at=AT).kid == in_force(purpose)


class TestRetireSpent:
    def test_an_access_key_goes_with_its_last_token(self):
        former = kid(KeyPurpose.ACCESS, KeyState.ACTIVE)
        keys.rotate(KeyPurpose.ACCESS, at=AT)
        last = 300 + 10 + 60  # life, leeway, slack

        assert keys.retire_spent(AT + timedelta(seconds=last - 1)) == []
        assert [record.kid for record in keys.retire_spent(AT + timedelta(seconds=last))] == [former]

        assert state_of(former) == KeyState.RETIRED
        assert bytes(KeyRecord.objects.get(pk=former).envelope) == b""
        assert former not in {key.kid for key in KEYRING.current().access.values()}
        assert events()[-1] == (EventKind.KEY_RETIRED, former)

    def test_the_longest_access_token_there_ever_was_counts(self):
        Plane.objects.ensure()
        Plane.objects.update(longest_access=7200)
        keys.rotate(KeyPurpose.ACCESS, at=AT)

        assert keys.retire_spent(AT + timedelta(seconds=7200)) == []
        assert keys.retire_spent(AT + timedelta(seconds=7200 + 70))

    def test_a_refresh_key_waits_for_the_longest_idle_time(self):
        keys.rotate(KeyPurpose.REFRESH, at=AT)

        assert keys.retire_spent(AT + timedelta(days=14)) == []
        assert keys.retire_spent(AT + timedelta(days=14, seconds=60))

    def test_a_refresh_key_waits_for_a_family_that_may_still_show_its_token(self):
        session = log_in()
        former = session.family.refresh_kid
        keys.rotate(KeyPurpose.REFRESH, at=AT)
        later = AT + timedelta(days=20)
        TokenFamily.objects.update(refresh_expires_at=later + timedelta(seconds=1))

        assert keys.retire_spent(later) == []
        assert [record.kid for record in keys.retire_spent(later + timedelta(seconds=1))] == [former]

    @pytest.mark.parametrize("purpose", OTHERS)
    def test_what_is_stored_under_a_key_keeps_it(self, purpose):
        former = kid(purpose, KeyState.ACTIVE)
        keys.rotate(purpose, at=AT)

        assert keys.retire_spent(AT + timedelta(days=10_000)) == []
        assert state_of(former) == KeyState.RETIRING

    def test_nothing_spent_writes_nothing(self):
        version = Catalogue.objects.version_of(Held.KEYS)

        assert keys.retire_spent(AT) == []
        assert Catalogue.objects.version_of(Held.KEYS) == version


class TestKill:
    """Guarantee 13."""

    @pytest.mark.parametrize("purpose", TOKEN_KEYS)
    def test_the_active_key_the_next_one_takes_over(self, purpose):
        killed, following = kid(purpose, KeyState.ACTIVE), kid(purpose, KeyState.NEXT)

        record = keys.kill(killed, at=AT, actor="operator")

        assert (record.state, record.active_slot, record.ended_at) == (KeyState.KILLED, None, AT)
        assert bytes(record.envelope) == b""
        assert in_force(purpose) == following
        announced = kid(purpose, KeyState.NEXT)
        assert events() == [
            (EventKind.KEY_KILLED, killed),
            (EventKind.KEY_PROMOTED, following),
            (EventKind.KEY_MADE, announced),
        ]

    @pytest.mark.parametrize("purpose", OTHERS)
    def test_a_key_without_successor_gets_one(self, purpose):
        killed = kid(purpose, KeyState.ACTIVE)

        keys.kill(killed, at=AT)

        assert [key.kid for key in KEYRING.all(purpose)] == [kid(purpose, KeyState.ACTIVE)]

    @pytest.mark.parametrize("purpose", TOKEN_KEYS)
    def test_the_next_key_another_waits(self, purpose):
        killed, active = kid(purpose, KeyState.NEXT), kid(purpose, KeyState.ACTIVE)

        keys.kill(killed, at=AT)

        assert in_force(purpose) == active
        assert kid(purpose, KeyState.NEXT) != killed

    @pytest.mark.parametrize("purpose", TOKEN_KEYS)
    def test_a_former_key_nothing_else_changes(self, purpose):
        former = kid(purpose, KeyState.ACTIVE)
        keys.rotate(purpose, at=AT)
        others = KeyRecord.objects.exclude(pk=former).order_by("kid")
        before = list(others.values())

        keys.kill(former, at=AT)

        assert state_of(former) == KeyState.KILLED
        assert list(others.values()) == before

    def test_a_retired_key_is_killed_too_so_that_nothing_brings_it_back(self):
        retired = kid(KeyPurpose.ACCESS, KeyState.NEXT)
        keys.new(KeyPurpose.ACCESS, at=AT)

        assert keys.kill(retired, at=AT).state == KeyState.KILLED

    def test_twice_is_once(self):
        killed = kid(KeyPurpose.ACCESS, KeyState.ACTIVE)
        keys.kill(killed, at=AT)
        before, written = list(KeyRecord.objects.order_by("kid").values()), len(events())

        assert keys.kill(killed, at=AT + timedelta(days=1)).kid == killed
        assert list(KeyRecord.objects.order_by("kid").values()) == before
        assert len(events()) == written

    def test_a_key_that_nobody_knows(self):
        assert keys.kill("unknown", at=AT) is None

    @pytest.mark.parametrize("purpose", KeyPurpose)
    def test_keys_that_do_not_open_are_killed_as_well(self, purpose):
        """The way out for a site that lost its wrapping key."""
        lost = [*KeyRecord.objects.filter(purpose=purpose).values_list("kid", flat=True)]
        with override_settings(SECRET_KEY="another"):
            KEYRING.forget()
            for audit in KeyRecord.objects.filter(purpose=KeyPurpose.AUDIT).values_list("kid", flat=True):
                keys.kill(audit, at=AT)
            for each in lost:
                keys.kill(each, at=AT)

            assert in_force(purpose) not in lost

    def test_an_access_token_of_it_is_dead_and_the_session_lives(self):
        session = log_in()
        before = session.pair.access_token

        revoke(OfKey(kid(KeyPurpose.ACCESS, KeyState.ACTIVE)), reason="leaked", actor="operator")

        assert not session.accepts(before)
        session.refresh()
        assert session.accepts()
        assert RevocationOrder.objects.filter(kind=OrderKind.KID).count() == 1

    def test_a_refresh_token_of_it_is_dead(self):
        session = log_in()

        revoke(OfKey(session.family.refresh_kid), reason="leaked", actor="operator")

        with pytest.raises(AssertionError):
            session.refresh()


class TestRewrap:
    def test_older_wrapping_keys_may_leave_the_settings_after_it(self, settings):
        signing = in_force(KeyPurpose.ACCESS)
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [to_base64url(b"n" * 32)]}

        rewrapped = keys.rewrap()
        settings.SECRET_KEY = "a new one, and no fallback"
        KEYRING.forget()

        assert (rewrapped.done, rewrapped.not_opened) == (KeyRecord.objects.count(), ())
        assert in_force(KeyPurpose.ACCESS) == signing

    def test_has_nothing_to_do_the_second_time(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [to_base64url(b"n" * 32)]}
        keys.rewrap()
        before = list(KeyRecord.objects.order_by("kid").values())

        assert keys.rewrap().done == 0
        assert list(KeyRecord.objects.order_by("kid").values()) == before

    def test_names_what_it_cannot_open_and_does_the_rest(self, settings):
        spoiled = kid(KeyPurpose.PLANE, KeyState.ACTIVE)
        KeyRecord.objects.filter(pk=spoiled).update(alg="none")
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [to_base64url(b"n" * 32)]}

        rewrapped = keys.rewrap()

        assert rewrapped.not_opened == (spoiled,)
        assert rewrapped.done == KeyRecord.objects.count() - 1


class TestListing:
    def test_shows_every_key_and_nothing_secret(self):
        keys.kill(kid(KeyPurpose.ACCESS, KeyState.ACTIVE), at=AT)

        listed = keys.listing()

        assert len(listed) == KeyRecord.objects.count()
        assert {each.wrapped for each in listed} == {"first", ""}
        assert not any("envelope" in repr(each) for each in listed)

    def test_says_which_wrapping_key_is_still_needed(self, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [to_base64url(b"n" * 32)]}
        assert {each.wrapped for each in keys.listing()} == {"older"}

        settings.SECRET_KEY = "another"
        assert {each.wrapped for each in keys.listing()} == {"not opened"}


def test_a_failure_in_the_middle_changes_nothing(monkeypatch):
    before = list(KeyRecord.objects.order_by("kid").values())
    signing = in_force(KeyPurpose.ACCESS)
    monkeypatch.setattr("tokenauth.flows.keys.trail.save", lambda *args, **kwargs: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        keys.rotate(KeyPurpose.ACCESS, at=AT)

    assert list(KeyRecord.objects.order_by("kid").values()) == before
    assert in_force(KeyPurpose.ACCESS) == signing


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_rotations_at_once_wait_for_each_other():
    """Else two next keys would meet in one slot."""
    answers = []

    def work():
        try:
            answers.append(keys.rotate(KeyPurpose.ACCESS, at=AT, now=True))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len({record.kid for record in answers}) == 5
    assert KeyRecord.objects.filter(purpose=KeyPurpose.ACCESS).count() == 7
