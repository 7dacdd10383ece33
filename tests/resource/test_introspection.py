"""Tokens that the issuer itself judges: kept no longer than the bound, dropped by the feed."""

import logging

import pytest

from tests.resource.conftest import ISSUER, ORDERS, why_refused
from tests.resource.test_hostile_answers import reply
from tokenauth.errors import Cause
from tokenauth.flows import revoke
from tokenauth.models import Client
from tokenauth.resource import Accepted
from tokenauth.revocation.subjects import OfFamily

INTROSPECT = "/auth/token/introspect/"


@pytest.fixture
def alone(world):
    return world.verifier(source="introspection", audiences=(ORDERS,))


def test_each_token_is_asked_for_once_within_the_bound(world, alone, boot_clock):
    session, other = world.log_in(), world.log_in()

    for _ in range(3):
        assert isinstance(alone.verify(session.pair.access_token), Accepted)
    assert isinstance(alone.verify(other.pair.access_token), Accepted)

    assert world.issuer.count(INTROSPECT) == 2
    boot_clock(1.1)
    assert isinstance(alone.verify(session.pair.access_token), Accepted)
    assert world.issuer.count(INTROSPECT) == 3


def test_what_was_revoked_is_refused_once_the_answer_is_as_old_as_the_bound(world, alone, boot_clock):
    session = world.log_in()
    assert isinstance(alone.verify(session.pair.access_token), Accepted)
    revoke(OfFamily(session.family_id))

    boot_clock(1.0)

    assert why_refused(alone.verify(session.pair.access_token)) is Cause.REVOKED


def test_an_answer_is_as_old_as_its_question(world, alone, boot_clock):
    session = world.log_in()

    def slow(request):
        answer = world.issuer.answered(request)
        if request.url.path == INTROSPECT:
            revoke(OfFamily(session.family_id))
            boot_clock(0.9)
        return answer

    world.issuer.instead = slow
    assert isinstance(alone.verify(session.pair.access_token), Accepted)
    world.issuer.instead = lambda request: None

    boot_clock(0.2)

    assert why_refused(alone.verify(session.pair.access_token)) is Cause.REVOKED


def test_the_feed_drops_what_it_says_is_dead(world, boot_clock):
    both, session = world.verifier(source="both"), world.log_in()
    assert isinstance(both.verify(session.pair.access_token), Accepted)
    revoke(OfFamily(session.family_id))

    boot_clock(0.6)

    assert why_refused(both.verify(session.pair.access_token)) is Cause.ENDED
    assert world.issuer.count(INTROSPECT) == 1


def test_what_only_the_rows_know_is_refused_too(world, boot_clock):
    """A user who is deleted past every receiver and trigger: no order tells of it."""
    both, session = world.verifier(source="both"), world.log_in()
    assert isinstance(both.verify(session.pair.access_token), Accepted)
    type(session.user).objects.filter(pk=session.user.pk)._raw_delete("default")

    boot_clock(1.1)

    assert why_refused(both.verify(session.pair.access_token)) is Cause.REVOKED


def test_nobody_is_asked_about_a_token_whose_signature_does_not_hold(world, alone):
    token = world.log_in().pair.access_token

    assert why_refused(alone.verify(token[:-6] + "AAAAAA")) is Cause.SIGNATURE
    assert world.issuer.count(INTROSPECT) == 0


def test_an_audience_of_somebody_else_is_not_even_asked_for(world, alone):
    session = world.log_in(audience=(ISSUER,))

    assert why_refused(alone.verify(session.pair.access_token)) is Cause.AUDIENCE
    assert world.issuer.count(INTROSPECT) == 0


def test_a_server_that_names_no_audience_and_is_told_none_accepts_nothing(world):
    blind = world.verifier(source="introspection")

    assert why_refused(blind.verify(world.log_in().pair.access_token)) is Cause.AUDIENCE


def test_the_site_tells_a_server_nothing_of_anothers_tokens(world, alone):
    """RFC 7662 4"""
    Client.objects.filter(pk=world.server.pk).update(audiences=["https://another.test"])

    assert why_refused(alone.verify(world.log_in().pair.access_token)) is Cause.REVOKED


@pytest.mark.parametrize(
    "answer",
    [
        lambda: reply(b"no"),
        lambda: reply(b"{}", 500),
        lambda: reply({"active": True}),
        lambda: reply({"active": True, "jti": "another"}),
    ],
)
def test_an_answer_that_is_none_or_about_another_token_means_that_nobody_can_tell(
    world, alone, answer, caplog
):
    session = world.log_in()
    world.issuer.instead = lambda request: answer() if request.url.path == INTROSPECT else None

    with caplog.at_level(logging.WARNING, logger="tokenauth.security"):
        assert why_refused(alone.verify(session.pair.access_token)) is Cause.STALE_MIRROR

    assert "not_introspected" in caplog.text
    assert session.pair.access_token not in caplog.text


def test_answers_are_bounded(world):
    small = world.verifier(source="introspection", audiences=(ORDERS,), token_cache=4)

    for _ in range(8):
        small.verify(world.log_in().pair.access_token)

    assert small.health()["answers"] == 4
