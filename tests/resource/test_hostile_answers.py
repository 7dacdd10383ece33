"""Whatever comes instead of the issuer's answer: nothing is raised, nothing is accepted, nothing grows."""

import json

import httpx2
import pytest

from tests.factories import ClientFactory, secret_of
from tests.resource.conftest import ISSUER, ORDERS, why_refused
from tokenauth.errors import Cause
from tokenauth.flows import revoke
from tokenauth.resource import Accepted
from tokenauth.resource.http import LARGEST_ANSWER
from tokenauth.revocation.subjects import OfFamily

FEED = "/auth/revocations/"
KEYS = "/auth/jwks/"
METADATA = "/.well-known/oauth-authorization-server"
JSON = {"Content-Type": "application/json"}


def reply(body, status=200, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, headers={**JSON, **named}, stream=httpx2.ByteStream(raw))


def put_in_place_of(world, path, answer):
    world.issuer.instead = lambda request: answer() if request.url.path == path else None


@pytest.mark.parametrize("path", [FEED, METADATA])
@pytest.mark.parametrize(
    "answer",
    [
        lambda: reply(b"not json"),
        lambda: reply(b"[]"),
        lambda: reply(b"[" * 50_000),
        lambda: reply(b'{"cursor": "a", "cursor": "b"}'),
        lambda: reply({}),
        lambda: reply(b"{}", 500),
        lambda: reply(b"{}", 302, Location="https://evil.test/"),
        lambda: reply(b"{" + b" " * (LARGEST_ANSWER + 1) + b"}"),
        lambda: reply(b"{}", Content_Encoding="gzip"),
        lambda: reply(b"{}", Content_Type="text/html"),
        lambda: reply({"error": "temporarily_unavailable"}),
    ],
)
def test_an_answer_that_is_none_is_one_that_did_not_come(world, path, answer):
    session = world.log_in()
    put_in_place_of(world, path, answer)

    assert why_refused(world.verifier().verify(session.pair.access_token)) is Cause.STALE_MIRROR
    assert "evil.test" not in str(world.issuer.asked)


@pytest.mark.parametrize(
    "change",
    [
        {"cursor": ""},
        {"cursor": "x" * 5_000},
        {"cursor": 1},
        {"reset": "yes"},
        {"more": None},
        {"orders": {}},
        {"orders": [1]},
        {"orders": [{"kind": "5", "digest": "A" * 22, "floor": 1, "until": None}]},
        {"orders": [{"kind": 5, "digest": "A" * 21, "floor": 1, "until": None}]},
        {"orders": [{"kind": 5, "digest": "A" * 22, "floor": -1, "until": None}]},
        {"orders": [{"kind": 5, "digest": "A" * 22, "floor": 1, "until": 1e400}]},
        {"orders": [{"kind": 5, "digest": "A" * 22, "floor": 2**63, "until": 1}]},
        {"key": "short"},
        {"key": None},
        {"rules": []},
        {"rules": None},
        {"rules_hash": None},
    ],
)
def test_a_member_of_another_form_makes_it_none(world, change):
    session, verifier = world.log_in(), world.verifier()

    def changed(request):
        if request.url.path != FEED:
            return None
        body = json.loads(world.issuer.answered(request).read())
        return reply(json.dumps({**body, **change}).replace("Infinity", "1e400").encode())

    world.issuer.instead = changed

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.test"},
        {"audiences": "https://orders.test"},
        {"scopes": None},
        {"leeway": 1_000_000},
        {"leeway": True},
        {"bound": 1_000_000},
        {"bound": "1"},
    ],
)
def test_rules_of_another_form_or_issuer_are_none(world, change):
    session, verifier = world.log_in(), world.verifier()

    def changed(request):
        if request.url.path != FEED:
            return None
        body = json.loads(world.issuer.answered(request).read())
        return reply({**body, "rules": {**body["rules"], **change}})

    world.issuer.instead = changed

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR


def test_an_order_of_a_newer_release_does_not_stop_the_others(world):
    session, other, verifier = world.log_in(), world.log_in(), world.verifier()
    revoke(OfFamily(session.family_id))

    def changed(request):
        if request.url.path != FEED:
            return None
        body = json.loads(world.issuer.answered(request).read())
        newer = {"kind": 99, "digest": "A" * 22, "floor": 0, "until": 1}
        return reply({**body, "orders": [newer, *body["orders"]]})

    world.issuer.instead = changed

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.ENDED
    assert isinstance(verifier.verify(other.pair.access_token), Accepted)


def test_what_it_says_to_have_waited_never_makes_it_fresher_than_its_arrival(world, boot_clock):
    session, verifier = world.log_in(), world.verifier()

    def changed(request):
        if request.url.path != FEED:
            return None
        body = json.loads(world.issuer.answered(request).read())
        return reply({**body, "held": 1e9})

    world.issuer.instead = changed
    assert isinstance(verifier.verify(session.pair.access_token), Accepted)
    world.issuer.is_cut = True

    boot_clock(0.9)

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR


def test_a_feed_that_never_ends_is_given_up(world, monkeypatch):
    monkeypatch.setattr("tokenauth.resource.sources.feed._MOST_PAGES", 5)
    session, verifier = world.log_in(), world.verifier()

    def changed(request):
        if request.url.path != FEED:
            return None
        return reply({**json.loads(world.issuer.answered(request).read()), "more": True})

    world.issuer.instead = changed

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR
    assert world.issuer.count(FEED) == 5


def test_metadata_of_another_issuer_is_none(world):
    """RFC 8414 3.3"""
    session, verifier = world.log_in(), world.verifier()
    put_in_place_of(
        world, METADATA, lambda: reply({"issuer": "https://evil.test", "revocations_endpoint": ISSUER + FEED})
    )

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR
    assert world.issuer.count(FEED) == 0


def test_a_secret_is_not_sent_over_plain_http(world):
    session, verifier = world.log_in(), world.verifier()
    put_in_place_of(
        world,
        METADATA,
        lambda: reply({"issuer": ISSUER, "revocations_endpoint": "http://issuer.test" + FEED}),
    )

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR
    assert world.issuer.count(FEED) == 0


@pytest.mark.parametrize(
    "keys",
    [
        {"keys": []},
        {"keys": "x"},
        {"keys": [{"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "x"}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "x", "x": "AA", "y": "AA"}]},
        {"keys": [{"kty": "RSA", "alg": "RS256", "kid": "x", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [None, 1, "x", {}, {"kid": 1}, {"kid": "x", "alg": "none"}]},
        {"keys": [{}] * 101},
    ],
)
def test_keys_that_are_none_verify_nothing(world, keys):
    session, verifier = world.log_in(), world.verifier()
    put_in_place_of(world, KEYS, lambda: reply(keys))

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.SIGNATURE


def test_the_digest_key_of_another_server_opens_nothing_here(world):
    """A feed that is another server's by mistake: its digests match nothing, and it does not authenticate."""
    other = ClientFactory(client_id="other-api", resource=True, audiences=["https://other.test"])
    session = world.log_in()

    refused = world.verifier(client_id="orders-api", client_secret=secret_of(other)).verify(
        session.pair.access_token
    )
    foreign = world.verifier(client_id="other-api", client_secret=secret_of(other)).verify(
        session.pair.access_token
    )

    assert ORDERS not in other.audiences
    assert why_refused(refused) is Cause.STALE_MIRROR
    assert why_refused(foreign) is Cause.AUDIENCE
