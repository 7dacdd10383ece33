"""Orders from the site's Redis: fresh by the beat alone, and by the feed wherever Redis cannot tell."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from pydantic import ValidationError

from tests.redis_servers import Server, cache, redis_running
from tests.resource.conftest import World, why_refused
from tokenauth.errors import Cause
from tokenauth.flows import revoke
from tokenauth.models import Plane, users
from tokenauth.resource import Accepted, Settings, Verifier
from tokenauth.revocation.notifiers import names
from tokenauth.revocation.notifiers.alias import CLIENTS
from tokenauth.revocation.notifiers.beating import Heart
from tokenauth.revocation.notifiers.publishing import BREAKER
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import Everything, OfUser

FEED = "/auth/revocations/"


@pytest.fixture
def redis(tmp_path: Any, settings: Any) -> Iterator[Server]:
    with redis_running(tmp_path) as server:
        settings.CACHES = {**settings.CACHES, "news": cache(server.url)}
        # long enough for a busy machine: what is aged is aged by hand
        known = {"MIRROR": "request", "REDIS_ALIAS": "news", "STALENESS_BOUND": 20}
        settings.TOKENAUTH = {**settings.TOKENAUTH, **known}
        MIRROR.forget()
        yield server
        CLIENTS.forget()
        BREAKER.after_fork()


@pytest.fixture
def heart() -> Iterator[Heart]:
    made = Heart()
    yield made
    made.rest()


@pytest.fixture
def beat(redis: Server, heart: Heart) -> Any:
    """Another beat, whenever the last one was."""

    def now() -> None:
        redis.client().delete(names.beat(names.DEFAULT))
        assert heart.turn("news")

    return now


@pytest.fixture
def verifier(world: World, redis: Server, capsys: Any) -> Verifier:
    assert MIRROR.stale() is None
    call_command("tokenauth_keys", "export-plane")
    keys = tuple(capsys.readouterr().out.split())
    return world.verifier(source="redis", redis_url=redis.url, plane_keys=keys)


@pytest.fixture
def session(world: World, verifier: Verifier, beat: Any) -> Any:
    """A session that is accepted; Redis' clock is known."""
    made = world.log_in()
    beat()
    assert isinstance(verifier.verify(made.pair.access_token), Accepted)
    verifier._source._read()
    beat()
    verifier._source._read()
    world.issuer.asked.clear()
    return made


def aged(verifier: Verifier, seconds: float) -> None:
    """Let what it knows have been asked for so long ago; Redis' clock goes on as it does."""
    verifier._source._asked_at -= seconds


def test_a_beat_makes_it_fresh_and_nobody_is_asked(world, verifier, session, beat):
    beat()
    aged(verifier, 100)

    assert isinstance(verifier.verify(session.pair.access_token), Accepted)
    assert world.issuer.count(FEED) == 0


@pytest.mark.parametrize("subject", ["user", "everything"])
def test_an_order_in_the_stream_counts(world, verifier, session, beat, subject):
    revoke(OfUser(users.key_of(session.user)) if subject == "user" else Everything())
    beat()
    aged(verifier, 100)

    cause = why_refused(verifier.verify(session.pair.access_token))

    assert cause is (Cause.ACCOUNT_CHANGED if subject == "user" else Cause.REVOKED)
    assert world.issuer.count(FEED) == 0


@pytest.mark.parametrize("harm", ["emptied", "stopped", "no beat", "another key", "another history"])
def test_where_redis_cannot_tell_the_feed_does(world, verifier, session, beat, redis, harm):
    revoke(OfUser(users.key_of(session.user)))
    match harm:
        case "emptied":
            redis.client().flushall()
        case "stopped":
            redis.pause()
        case "no beat":
            redis.client().delete(names.beat(names.DEFAULT))
        case "another key":
            beat()
            verifier._source._reader._keys = (b"x" * 32,)
        case "another history":
            Plane.objects.update(plane_id=uuid.uuid4())
            beat()
    aged(verifier, 100)

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.ACCOUNT_CHANGED
    assert world.issuer.count(FEED) >= 1


def test_where_neither_can_tell_it_says_so(world, verifier, session, redis):
    redis.client().flushall()
    world.issuer.is_cut = True
    aged(verifier, 100)

    assert why_refused(verifier.verify(session.pair.access_token)) is Cause.STALE_MIRROR


def test_the_feed_is_asked_in_any_case_every_half_minute(world, verifier, session, beat):
    beat()
    aged(verifier, 100)
    verifier._source._fed_at -= 31

    assert isinstance(verifier.verify(session.pair.access_token), Accepted)
    assert world.issuer.count(FEED) == 1


@pytest.mark.parametrize("missing", ["redis_url", "plane_keys"])
def test_it_has_to_be_told_where_and_by_which_key(missing):
    known = {"issuer": "https://issuer.test", "client_id": "x", "client_secret": "tks_x", "source": "redis"}
    both = {"redis_url": "redis://127.0.0.1/0", "plane_keys": ("A" * 43,)}

    assert Settings(**known, **both)
    with pytest.raises(ValidationError):
        Settings(**known, **{name: value for name, value in both.items() if name != missing})


def test_no_key_and_no_url_is_in_a_repr(verifier):
    shown = repr(verifier.settings)

    assert not any(key in shown for key in verifier.settings.plane_keys)
    assert "redis://" not in shown
