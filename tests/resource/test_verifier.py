"""A service elsewhere, fed by the site: fresh within the bound, else it says that nobody can tell."""

import asyncio
import logging
import uuid

import pytest
from django.db import connection

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.resource.conftest import ISSUER, ORDERS, why_refused
from tests.sessions import claims_of
from tokenauth.errors import Cause
from tokenauth.flows import revoke
from tokenauth.flows.plane import new_epoch
from tokenauth.models import AccountState, Client, Plane, RevocationOrder, users
from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.policy.clients import DIRECTORY
from tokenauth.resource import Accepted
from tokenauth.revocation import numbering
from tokenauth.revocation.subjects import (
    Everything,
    OfClient,
    OfDevice,
    OfFamily,
    OfKey,
    OfToken,
    OfUser,
)
from tokenauth.tokens.keyring import KEYRING


def test_a_token_for_this_server_opens_it(world):
    session = world.log_in(scope="orders:read")

    outcome = world.verifier().verify(session.pair.access_token)

    assert isinstance(outcome, Accepted)
    assert outcome.user_key == users.key_of(session.user)
    assert outcome.has_scopes("orders:read")
    assert not outcome.has_scopes("orders:read", "orders:write")


def test_nothing_is_asked_while_it_is_fresh(world, boot_clock):
    verifier, session = world.verifier(), world.log_in()
    assert isinstance(verifier.verify(session.pair.access_token), Accepted)
    world.issuer.asked.clear()

    boot_clock(0.4)

    assert isinstance(verifier.verify(session.pair.access_token), Accepted)
    assert world.issuer.asked == []


@pytest.mark.parametrize("subject", ["user", "session", "client", "device", "token", "key", "everything"])
def test_whatever_the_site_revokes_is_refused_at_the_next_look(world, boot_clock, subject):
    verifier, session, other = world.verifier(), world.log_in(), world.log_in()
    token = session.pair.access_token
    assert isinstance(verifier.verify(token), Accepted)
    claims = claims_of(token)
    revoke(
        {
            "user": OfUser(claims.sub),
            "session": OfFamily(claims.sid),
            "client": OfClient(claims.client_id),
            "device": OfDevice(claims.did),
            "token": OfToken(claims.jti),
            "key": OfKey(claims.kid),
            "everything": Everything(),
        }[subject]
    )

    boot_clock(0.6)

    assert why_refused(verifier.verify(token)) in {Cause.REVOKED, Cause.ENDED, Cause.ACCOUNT_CHANGED}
    if subject in {"user", "session", "device", "token"}:
        assert isinstance(verifier.verify(other.pair.access_token), Accepted)


def test_an_order_that_nobody_numbered_counts_too(world, boot_clock):
    verifier, session = world.verifier(), world.log_in()
    assert isinstance(verifier.verify(session.pair.access_token), Accepted)
    revoke(OfUser(users.key_of(session.user)))
    RevocationOrder.objects.update(number=None, until=None)
    Plane.objects.update(n=0)

    boot_clock(0.6)

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.ACCOUNT_CHANGED


def test_what_was_revoked_before_it_started_is_refused(world):
    session = world.log_in()
    revoke(OfFamily(session.family_id))

    assert why_refused(world.verifier().verify(session.pair.access_token)) is Cause.ENDED


class TestWhoIsMeant:
    def test_a_token_for_another_audience_is_refused(self, world):
        session = world.log_in(audience=(ISSUER,))

        assert why_refused(world.verifier().verify(session.pair.access_token)) is Cause.AUDIENCE

    def test_an_audience_of_ones_own_narrows_the_rules(self, world):
        Client.objects.filter(pk=world.server.pk).update(audiences=[ORDERS, "https://other.test"])
        session = world.log_in()

        narrow = world.verifier(audiences=("https://other.test",)).verify(session.pair.access_token)
        foreign = world.verifier(audiences=("https://elsewhere.test",)).verify(session.pair.access_token)

        assert why_refused(narrow) is Cause.AUDIENCE
        assert why_refused(foreign) is Cause.AUDIENCE

    def test_a_server_without_audiences_accepts_nothing(self, world):
        Client.objects.filter(pk=world.server.pk).update(audiences=[])
        session = world.log_in()

        assert why_refused(world.verifier().verify(session.pair.access_token)) is Cause.AUDIENCE

    def test_scopes_of_the_rules_and_of_the_call_are_needed(self, world):
        Client.objects.filter(pk=world.server.pk).update(scopes=["orders:read"])
        session, poor = world.log_in(scope="orders:read"), world.log_in(scope="orders:write")
        verifier = world.verifier()

        assert isinstance(verifier.verify(session.pair.access_token), Accepted)
        assert why_refused(verifier.verify(poor.pair.access_token)) is Cause.SCOPE
        more = verifier.verify(session.pair.access_token, scopes=("orders:write",))
        assert why_refused(more) is Cause.SCOPE

    def test_a_class_of_login_may_be_asked_for(self, world):
        session = world.log_in()

        refused = world.verifier(acr=("urn:phishing-resistant",)).verify(session.pair.access_token)

        assert why_refused(refused) is Cause.OLD_LOGIN

    def test_the_site_may_ask_for_it_too_and_only_what_both_ask_for_will_do(self, world):
        Client.objects.filter(pk=world.server.pk).update(acr=["a", "b"])
        DIRECTORY.forget()
        tokens = {acr: world.log_in(acr=acr).pair.access_token for acr in ("", "a", "b", "c")}
        both, none = world.verifier(acr=("b", "c")), world.verifier(acr=("c",))
        theirs = world.verifier()

        accepted = {
            name: "".join(sorted(acr for acr, t in tokens.items() if isinstance(v.verify(t), Accepted)))
            for name, v in {"theirs": theirs, "both": both, "none": none}.items()
        }

        assert accepted == {"theirs": "ab", "both": "b", "none": ""}
        assert (theirs.acr(), both.acr()) == (("a", "b"), ("b",))

    def test_another_issuers_token_is_refused(self, world, settings):
        session = world.log_in()
        verifier = world.verifier()
        assert isinstance(verifier.verify(session.pair.access_token), Accepted)
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ISSUER": "https://issuer.test.evil.test"}
        theirs = world.log_in(audience=(ORDERS,))

        assert why_refused(verifier.verify(theirs.pair.access_token)) is Cause.SIGNATURE

    def test_a_refresh_token_opens_nothing(self, world):
        session = world.log_in()

        assert why_refused(world.verifier().verify(session.pair.refresh_token)) is Cause.SIGNATURE

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "." * 10_000, "\x00"])
    def test_garbage_is_refused_and_nothing_is_raised(self, world, token):
        assert why_refused(world.verifier().verify(token)) in {Cause.MALFORMED, Cause.SIGNATURE}


class TestWhenNobodyCanTell:
    def test_strict_refuses_before_the_bound_has_passed(self, world, boot_clock):
        verifier, session = world.verifier(), world.log_in()
        assert isinstance(verifier.verify(session.pair.access_token), Accepted)
        world.issuer.is_cut = True

        boot_clock(0.7)
        inside = verifier.verify(session.pair.access_token)
        boot_clock(0.2)
        refused = verifier.verify(session.pair.access_token)

        assert isinstance(inside, Accepted)
        assert why_refused(refused) is Cause.STALE_MIRROR
        assert refused.retry_after == 1

    def test_available_accepts_as_long_as_the_rules_say_and_counts(self, world, boot_clock, settings, caplog):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "MODE": "available", "AVAILABLE_SECONDS": 30}
        verifier, session = world.verifier(), world.log_in()
        strict = world.verifier(mode="strict")
        token = session.pair.access_token
        assert all(isinstance(each.verify(token), Accepted) for each in (verifier, strict))
        world.issuer.is_cut = True

        boot_clock(29)
        with caplog.at_level(logging.WARNING, logger="tokenauth.security"):
            accepted, refused = verifier.verify(token), strict.verify(token)
        boot_clock(3)

        assert isinstance(accepted, Accepted)
        assert verifier.health()["accepted_stale"] == 1
        assert "accepted_by_stale_mirror" in caplog.text
        assert why_refused(refused) is Cause.STALE_MIRROR
        assert why_refused(verifier.verify(token)) is Cause.STALE_MIRROR

    def test_one_that_never_heard_from_the_issuer_accepts_nothing_in_either_mode(self, world):
        session = world.log_in()
        world.issuer.is_cut = True

        assert why_refused(world.verifier().verify(session.pair.access_token)) is Cause.STALE_MIRROR

    def test_its_age_counts_from_before_the_question(self, world, boot_clock):
        """An answer that lay in a socket, or a process that was stopped, never looks fresh."""
        verifier, session = world.verifier(), world.log_in()

        def lies_about(request):
            answer = world.issuer.answered(request)
            if request.url.path.endswith("/revocations/"):
                revoke(OfUser(users.key_of(session.user)))  # after the answer was made
                world.issuer.is_cut = True
                boot_clock(2)
            return answer

        world.issuer.instead = lies_about

        assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR

    def test_a_secret_that_was_retired_is_a_feed_that_does_not_answer(self, world, boot_clock):
        verifier, session = world.verifier(), world.log_in()
        assert isinstance(verifier.verify(session.pair.access_token), Accepted)
        revoke(OfClient("orders-api", disable=True))

        boot_clock(0.9)

        assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR


class TestKeys:
    def test_a_new_key_is_asked_for_once(self, world, boot_clock):
        verifier = world.verifier()
        assert isinstance(verifier.verify(world.log_in().pair.access_token), Accepted)
        KeyRecord.objects.filter(purpose=KeyPurpose.ACCESS).delete()
        KEYRING.forget()
        token = world.log_in().pair.access_token
        world.issuer.asked.clear()

        boot_clock(31)

        assert isinstance(verifier.verify(token), Accepted)
        assert world.issuer.count("/auth/jwks/") == 1

    def test_unknown_keys_cost_one_question_in_the_cool_down(self, world, boot_clock):
        verifier = world.verifier()
        verifier.verify(world.log_in().pair.access_token)
        world.issuer.asked.clear()
        boot_clock(31)

        for number in range(50):
            assert why_refused(verifier.verify(f"header{number}.e30.AAAA")) is Cause.SIGNATURE

        assert world.issuer.count("/auth/jwks/") == 1

    def test_one_that_was_asked_for_in_vain_is_not_asked_for_again(self, world, boot_clock):
        verifier = world.verifier()
        verifier.verify(world.log_in().pair.access_token)
        world.issuer.asked.clear()

        for _ in range(5):
            boot_clock(31)
            verifier.verify("header.e30.AAAA")

        assert world.issuer.count("/auth/jwks/") == 1

    def test_a_rollover_is_not_noticed_by_anybody(self, world, boot_clock):
        verifier, session = world.verifier(), world.log_in()
        assert isinstance(verifier.verify(session.pair.access_token), Accepted)
        active = KeyRecord.objects.get(purpose=KeyPurpose.ACCESS, state=KeyState.ACTIVE)
        revoke(OfKey(active.kid))
        world.issuer.asked.clear()

        later = world.log_in()
        boot_clock(0.6)

        # the next key was announced before it signed
        assert isinstance(verifier.verify(later.pair.access_token), Accepted)
        assert world.issuer.count("/auth/jwks/") == 0
        assert why_refused(verifier.verify(session.pair.access_token)) is Cause.REVOKED


class TestAnotherHistory:
    def test_what_is_held_stays_in_force_when_the_database_went_back(self, world, boot_clock, caplog):
        verifier, session, later = world.verifier(), world.log_in(), world.log_in()
        token = session.pair.access_token
        assert isinstance(verifier.verify(token), Accepted)
        revoke(OfFamily(session.family_id))
        boot_clock(0.6)
        assert why_refused(verifier.verify(token)) is Cause.ENDED
        RevocationOrder.objects.all().delete()
        Plane.objects.update(n=0, plane_id=uuid.uuid4())
        revoke(OfFamily(later.family_id))

        boot_clock(0.6)
        with caplog.at_level(logging.ERROR, logger="tokenauth.security"):
            assert why_refused(verifier.verify(later.pair.access_token)) is Cause.ENDED

        assert "database_behind" in caplog.text
        assert why_refused(verifier.verify(token)) is Cause.ENDED

    def test_who_logs_in_again_after_a_restore_is_accepted(self, world, boot_clock):
        verifier, session = world.verifier(), world.log_in()
        assert isinstance(verifier.verify(session.pair.access_token), Accepted)
        for _ in range(3):
            revoke(OfUser(users.key_of(session.user)))
        boot_clock(0.6)
        assert why_refused(verifier.verify(session.pair.access_token)) is Cause.ACCOUNT_CHANGED
        RevocationOrder.objects.all().delete()
        Plane.objects.update(n=0)
        AccountState.objects.all().delete()
        new_epoch()
        KEYRING.forget()

        again = world.log_in(user=session.user)
        boot_clock(0.6)

        assert isinstance(verifier.verify(again.pair.access_token), Accepted)
        assert why_refused(verifier.verify(session.pair.access_token)) is Cause.REVOKED

    def test_another_plane_key_loses_nothing(self, world, boot_clock):
        verifier, session, later = world.verifier(), world.log_in(), world.log_in()
        assert isinstance(verifier.verify(later.pair.access_token), Accepted)
        revoke(OfFamily(session.family_id))
        KeyRecord.objects.filter(purpose=KeyPurpose.PLANE).delete()
        KEYRING.forget()
        revoke(OfFamily(later.family_id))

        boot_clock(0.6)

        assert why_refused(verifier.verify(session.pair.access_token)) is Cause.ENDED
        assert why_refused(verifier.verify(later.pair.access_token)) is Cause.ENDED


def test_two_servers_see_different_digests_and_each_is_right(world, boot_clock):
    other = ClientFactory(client_id="other-api", resource=True, audiences=[ORDERS])
    session = world.log_in()
    ours, theirs = world.verifier(), world.verifier(client_id="other-api", client_secret=secret_of(other))
    assert all(isinstance(each.verify(session.pair.access_token), Accepted) for each in (ours, theirs))
    assert ours._source.digest_key() != theirs._source.digest_key()

    revoke(OfUser(users.key_of(session.user)))
    boot_clock(0.6)

    assert {why_refused(each.verify(session.pair.access_token)) for each in (ours, theirs)} == {
        Cause.ACCOUNT_CHANGED
    }


def test_rules_that_change_at_the_site_are_kept_at_the_next_look(world, boot_clock):
    verifier, session = world.verifier(), world.log_in(scope="orders:read")
    assert isinstance(verifier.verify(session.pair.access_token), Accepted)
    client = Client.objects.get(pk=world.server.pk)
    client.scopes = ["orders:write"]
    Client.objects.filter(pk=client.pk).update(scopes=client.scopes)

    boot_clock(0.6)

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.SCOPE


def test_what_it_refused_is_told_to_the_site(world, boot_clock, caplog):
    verifier, session = world.verifier(), world.log_in(audience=(ISSUER,))
    with caplog.at_level(logging.INFO, logger="tokenauth.security"):
        for _ in range(3):
            verifier.verify(session.pair.access_token)
        boot_clock(0.6)
        verifier.verify(session.pair.access_token)

    assert "resource_server client=orders-api" in caplog.text
    assert "refused=audience:3" in caplog.text


def test_what_did_not_arrive_is_told_later(world, boot_clock, caplog):
    verifier, session = world.verifier(), world.log_in(audience=(ISSUER,))
    verifier.verify(session.pair.access_token)
    world.issuer.is_cut = True
    boot_clock(0.6)
    verifier.verify(session.pair.access_token)
    world.issuer.is_cut = False

    with caplog.at_level(logging.INFO, logger="tokenauth.security"):
        boot_clock(0.1)
        verifier.verify(session.pair.access_token)

    assert "refused=audience:2" in caplog.text


def test_an_expired_token_is_refused_though_it_was_accepted_before(world, clock, boot_clock):
    verifier, session = world.verifier(), world.log_in(UserFactory())
    assert isinstance(verifier.verify(session.pair.access_token), Accepted)

    clock.shift(400)

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.EXPIRED


@pytest.mark.parametrize("source", ["feed", "introspection", "both"])
def test_on_an_event_loop_only_what_may_wait_goes_into_a_thread(world, boot_clock, monkeypatch, source):
    verifier, session = world.verifier(source=source, audiences=(ORDERS,)), world.log_in()
    token, threads = session.pair.access_token, []

    real = asyncio.to_thread

    async def in_a_thread(function, *args, **kwargs):
        threads.append(function)
        return await real(function, *args, **kwargs)

    monkeypatch.setattr(asyncio, "to_thread", in_a_thread)

    for _ in range(3):
        assert isinstance(asyncio.run(verifier.averify(token)), Accepted)
    assert len(threads) == 1
    boot_clock(0.45)
    if source == "introspection":
        boot_clock(0.5)
    asyncio.run(verifier.averify(token))
    assert len(threads) == 2
    asyncio.run(verifier.averify("header.of.nobody"))
    assert len(threads) == 3


def test_an_answer_that_was_overtaken_takes_no_end_away(world, boot_clock):
    """Two threads ask; the one that asked first is answered last, of an order that had no number then."""
    verifier, session = world.verifier(), world.log_in()
    assert isinstance(verifier.verify(session.pair.access_token), Accepted)
    revoke(OfUser("4711"))
    RevocationOrder.objects.update(number=None, until=None)
    Plane.objects.update(n=0)
    feed = verifier._source

    def overtaken(request):
        world.issuer.instead = lambda request: None
        answer = world.issuer.answered(request)
        numbering.number_visible(connection)
        boot_clock(0.1)
        feed._poll(wait=0, patience=1)
        return answer

    world.issuer.instead = overtaken
    feed._poll(wait=0, patience=1)
    feed._held.drop_expired(2**40)

    assert len(feed._held) == 0


def test_no_secret_is_in_a_repr(world):
    verifier = world.verifier()

    assert world.secret not in repr(verifier.settings)
