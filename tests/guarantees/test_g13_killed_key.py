"""Guarantee 13: what a killed key signed is refused within the bound, for ever (DESIGN 6, PROTOCOL 4)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone

from tests.conftest import forget_everything
from tests.crowd import at_once, elsewhere
from tests.factories import ClientFactory, UserFactory
from tests.http import Http
from tests.live import Line, LiveSite
from tests.sessions import Session, claims_of, log_in, why_refused
from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.flows import keys, revoke
from tokenauth.flows.outcomes import Rotated, Sibling
from tokenauth.models import Client, KeyRecord, RevocationOrder
from tokenauth.models.key import KeyPurpose, KeyState
from tokenauth.revocation.subjects import OfKey
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db(transaction=True)

#: Seconds after which a process that has not refused yet never will.
PATIENCE = 20


def kid_in(state: KeyState, purpose: KeyPurpose = KeyPurpose.ACCESS) -> str:
    return KeyRecord.objects.get(purpose=purpose, state=state).kid


def let_the_next_one_sign(purpose: KeyPurpose = KeyPurpose.ACCESS) -> None:
    keys.rotate(purpose, at=timezone.now(), now=True)


def kid_of(access_token: str) -> str:
    return claims_of(access_token).kid


def kids_served(http: Http) -> set[str]:
    return {key["kid"] for key in http.get("/auth/jwks/").json()["keys"]}


class TestAnAccessKey:
    pytestmark = pytest.mark.django_db

    @pytest.fixture
    def http(self) -> Http:
        return Http(Browser())

    @pytest.fixture
    def of_the_former_key(self) -> Session:
        session = log_in()
        let_the_next_one_sign()
        return session

    @pytest.fixture
    def of_the_active_key(self, of_the_former_key: Session) -> Session:
        return log_in()

    @pytest.mark.django_db(transaction=True)
    def test_a_token_that_this_process_had_accepted_is_refused_at_once(self, http: Http):
        session = log_in()
        accepted = http.get("/api/me/", bearer=session.pair.access_token)

        revoke(OfKey(kid_of(session.pair.access_token)))

        refused = http.get("/api/me/", bearer=session.pair.access_token)
        assert (accepted.status_code, refused.status_code) == (200, 401)
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]

    @pytest.mark.django_db(transaction=True)
    def test_the_promoted_key_signs_and_the_session_goes_on(self):
        session = log_in()
        successor = kid_in(KeyState.NEXT)

        revoke(OfKey(kid_of(session.pair.access_token)))
        session.refresh()

        assert kid_of(session.pair.access_token) == successor == kid_in(KeyState.ACTIVE)
        assert session.accepts()

    def test_a_lost_answer_comes_again_signed_by_the_promoted_key(self):
        session = log_in()
        lost = session.refresh_and_lose_the_answer()

        revoke(OfKey(kid_of(lost.access_token)))
        again = session.refresh()

        assert again.refresh_token == lost.refresh_token
        assert session.accepts()

    def test_tokens_of_a_younger_key_are_unharmed(self, of_the_former_key, of_the_active_key):
        revoke(OfKey(kid_in(KeyState.RETIRING)))

        assert not of_the_former_key.accepts()
        assert of_the_active_key.accepts()

    def test_tokens_of_an_older_key_are_unharmed(self, of_the_former_key, of_the_active_key):
        revoke(OfKey(kid_in(KeyState.ACTIVE)))

        assert of_the_former_key.accepts()
        assert not of_the_active_key.accepts()

    def test_a_next_key_that_leaked_never_signs(self, http: Http):
        session = log_in()
        leaked = kid_in(KeyState.NEXT)

        revoke(OfKey(leaked))
        let_the_next_one_sign()
        session.refresh()

        assert kid_of(session.pair.access_token) != leaked
        assert leaked not in kids_served(http)
        assert session.accepts()

    def test_it_is_gone_from_the_documents_and_its_successor_is_in_them(self, http: Http):
        log_in()
        killed, promoted = kid_in(KeyState.ACTIVE), kid_in(KeyState.NEXT)
        served = kids_served(http)

        revoke(OfKey(killed))

        assert served == {killed, promoted}
        assert kids_served(http) == {promoted, kid_in(KeyState.NEXT)}

    def test_it_stays_dead_when_its_order_has_gone(self):
        session = log_in()
        revoke(OfKey(kid_of(session.pair.access_token)))

        RevocationOrder.objects.all().delete()
        forget_everything()

        assert why_refused(session.pair.access_token) == Refused(Cause.SIGNATURE)

    def test_nothing_that_is_done_with_keys_brings_it_back(self, http: Http):
        session = log_in()
        killed = kid_of(session.pair.access_token)
        revoke(OfKey(killed))

        let_the_next_one_sign()
        keys.new(KeyPurpose.ACCESS, at=timezone.now())
        keys.rewrap()
        revoke(OfKey(killed))
        keys.retire_spent(timezone.now())

        assert KeyRecord.objects.get(pk=killed).state == KeyState.KILLED
        assert not bytes(KeyRecord.objects.get(pk=killed).envelope)
        assert killed not in kids_served(http)
        assert not session.accepts()

    def test_it_is_refused_by_a_process_that_has_only_the_order_yet(self, monkeypatch):
        session = log_in()
        stale = KEYRING.current()

        revoke(OfKey(kid_of(session.pair.access_token)))
        monkeypatch.setattr(KEYRING, "current", lambda: stale)

        assert why_refused(session.pair.access_token) == Refused(Cause.REVOKED, session.family_id)

    @pytest.mark.django_db(transaction=True)
    def test_a_kill_that_is_rolled_back_kills_nothing(self):
        session = log_in()

        with pytest.raises(ZeroDivisionError):
            kill_and_fail(kid_of(session.pair.access_token))

        assert session.accepts()
        assert session.refresh()
        assert session.accepts()

    @pytest.mark.django_db(transaction=True)
    def test_it_is_killed_by_the_command_of_another_process(self, http: Http, monkeypatch):
        """This process loads its keys again because the plane says so, not because it was told."""
        session = log_in()
        killed = kid_of(session.pair.access_token)

        with monkeypatch.context() as another_process:
            another_process.setattr(KEYRING, "forget", lambda: None)
            elsewhere(lambda: call_command("tokenauth_keys", "kill", killed, yes=True))
        session.refresh()

        assert kid_of(session.pair.access_token) == kid_in(KeyState.ACTIVE) != killed
        assert killed not in kids_served(http)


def kill_and_fail(kid: str) -> None:
    with transaction.atomic():
        revoke(OfKey(kid))
        raise ZeroDivisionError


class TestARefreshKey:
    pytestmark = pytest.mark.django_db

    def test_its_refresh_tokens_are_refused_and_access_tokens_live_out_their_time(self):
        session = log_in()

        revoke(OfKey(kid_in(KeyState.ACTIVE, KeyPurpose.REFRESH)))

        assert session.show(session.pair.refresh_token) == Refused(Cause.SIGNATURE)
        assert session.family.generation == 0
        assert session.accepts()

    def test_a_login_after_it_is_signed_by_the_promoted_key(self):
        session = log_in()
        promoted = kid_in(KeyState.NEXT, KeyPurpose.REFRESH)
        revoke(OfKey(kid_in(KeyState.ACTIVE, KeyPurpose.REFRESH)))

        again = log_in(session.user, session.client)

        assert again.family.refresh_kid == promoted
        assert again.refresh()

    def test_refresh_tokens_of_other_keys_are_unharmed(self):
        of_the_former = log_in()
        let_the_next_one_sign(KeyPurpose.REFRESH)
        of_the_active = log_in()

        revoke(OfKey(kid_in(KeyState.RETIRING, KeyPurpose.REFRESH)))

        assert isinstance(of_the_former.show(of_the_former.pair.refresh_token), Refused)
        assert of_the_active.refresh()

    def test_the_parent_by_an_older_key_gets_a_sibling_by_the_promoted_one(self):
        session = log_in()
        let_the_next_one_sign(KeyPurpose.REFRESH)
        lost = session.refresh_and_lose_the_answer()

        revoke(OfKey(kid_in(KeyState.ACTIVE, KeyPurpose.REFRESH)))
        outcome = session.show(session.pair.refresh_token)

        assert isinstance(outcome, Sibling)
        assert session.show(lost.refresh_token) == Refused(Cause.SIGNATURE)
        assert isinstance(session.show(outcome.pair.refresh_token), Rotated)
        assert session.family.refresh_kid == kid_in(KeyState.ACTIVE, KeyPurpose.REFRESH)

    def test_it_is_refused_by_a_process_that_has_only_the_order_yet(self, monkeypatch):
        session = log_in()
        stale = KEYRING.current()

        revoke(OfKey(session.family.refresh_kid))
        monkeypatch.setattr(KEYRING, "current", lambda: stale)

        assert session.show(session.pair.refresh_token) == Refused(Cause.SIGNATURE, session.family_id)

    def test_it_stays_dead_when_its_order_has_gone(self):
        session = log_in()
        revoke(OfKey(session.family.refresh_kid))

        RevocationOrder.objects.all().delete()
        forget_everything()

        assert session.show(session.pair.refresh_token) == Refused(Cause.SIGNATURE)


class TestOnARealSite:
    """Four processes, each with a mirror of its own, asked all the time."""

    def test_every_process_refuses_what_a_killed_key_signed_within_the_bound(self, live_site: LiveSite):
        client, ada, bob = ClientFactory(), UserFactory(), UserFactory()
        bobs = live_site.log_in(bob, client)
        let_the_next_one_sign()
        adas = until_signed_by(kid_in(KeyState.ACTIVE), lambda: live_site.log_in(ada, client))
        leaked, successor = kid_in(KeyState.ACTIVE), kid_in(KeyState.NEXT)

        with live_site.line_to_each_process() as lines:
            seen = seen_while_killed(leaked, [opens_with(line, adas) for line in lines.values()])
            others = [opens_with(line, bobs)() for line in lines.values()]
            served = [{key["kid"] for key in line.get("/auth/jwks/").body["keys"]} for line in lines.values()]

        assert all(each.last_answer == 401 for each in seen)
        assert max(each.accepted_for for each in seen) <= conf.current().STALENESS_BOUND
        assert others == [200] * len(lines)
        assert all(leaked not in kids and successor in kids for kids in served)
        renewed = until_signed_by(successor, lambda: live_site.refresh(adas["refresh_token"], client).body)
        assert live_site.get("/api/me/", bearer=renewed["access_token"]).status == 200

    @pytest.mark.slow  # for its own site
    def test_every_process_refuses_a_killed_refresh_key_within_the_bound(self, live_site: LiveSite):
        client, ada = ClientFactory(), UserFactory()
        adas = live_site.log_in(ada, client)
        leaked = kid_in(KeyState.ACTIVE, KeyPurpose.REFRESH)

        with live_site.line_to_each_process() as lines:
            seen = seen_while_killed(leaked, [refreshes_with(line, adas, client) for line in lines.values()])

        assert all(each.last_answer == 400 for each in seen)
        assert max(each.accepted_for for each in seen) <= conf.current().STALENESS_BOUND
        again = live_site.log_in(ada, client)
        assert live_site.refresh(again["refresh_token"], client).status == 200


def until_signed_by(kid: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Ask until the answer comes from a process that has heard of the key."""
    until = time.monotonic() + PATIENCE
    while kid_of((answer := ask())["access_token"]) != kid:
        assert time.monotonic() < until
    return answer


def opens_with(line: Line, tokens: dict[str, Any]) -> Callable[[], int]:
    return lambda: line.get("/api/me/", bearer=tokens["access_token"]).status


def refreshes_with(line: Line, tokens: dict[str, Any], client: Client) -> Callable[[], int]:
    form = {"refresh_token": tokens["refresh_token"], "client_id": client.client_id}
    return lambda: line.post("/auth/token/refresh/", form).status


@dataclass(frozen=True)
class Seen:
    """How one process took it."""

    last_answer: int
    #: Seconds after the commit at which the last request was sent that was still accepted; 0 for none.
    accepted_for: float
    requests: int


def seen_while_killed(kid: str, asks: list[Callable[[], int]]) -> list[Seen]:
    """Kill a key while every process is asked all the time, each until it refuses."""
    assert all(ask() == 200 for ask in asks)
    killed_at: list[float] = []

    def kill() -> None:
        revoke(OfKey(kid))
        killed_at.append(time.monotonic())

    def watch(ask: Callable[[], int]) -> Callable[[], tuple[int, float, int]]:
        def until_refused() -> tuple[int, float, int]:
            answer, accepted_at, requests = 200, 0.0, 0
            until = time.monotonic() + PATIENCE
            # 503 is no acceptance, and not the last word either: for that moment nobody can tell
            while answer in (200, 503) and (sent_at := time.monotonic()) < until:
                answer = ask()
                requests += 1
                if answer == 200:
                    accepted_at = sent_at
                time.sleep(0.005)
            return answer, accepted_at, requests

        return until_refused

    _, *watched = at_once([kill, *map(watch, asks)])
    seen = [Seen(answer, max(0.0, at - killed_at[0]), requests) for answer, at, requests in watched]
    print(*seen, sep="\n")
    return seen
