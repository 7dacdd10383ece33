"""How news of revocations travel."""

import pytest
from django.db import connection

from tests.checks.found import ids
from tests.redis_servers import cache
from tokenauth.checks import notifiers as checks
from tokenauth.doctor import notifier as doctor
from tokenauth.doctor.findings import Level
from tokenauth.revocation.notifiers.postgresql import Deaf, Notify

OURS = ["default"]
ONE = cache("redis://127.0.0.1:6379/0")
SHARDED = cache(
    "redis://127.0.0.1:6379/0,redis://127.0.0.1:6379/1",
    CLIENT_CLASS="django_redis.client.sharded.ShardClient",
)
CLUSTER = cache("redis://127.0.0.1:6379/0", REDIS_CLIENT_CLASS="redis.cluster.RedisCluster")
MEMORY = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


@pytest.fixture
def named(settings):
    def name(entry):
        settings.CACHES = {**settings.CACHES, "news": entry}
        settings.TOKENAUTH = {**settings.TOKENAUTH, "REDIS_ALIAS": "news"}

    return name


@pytest.mark.parametrize("entry", [SHARDED, CLUSTER, MEMORY])
def test_e020_a_cache_that_cannot_carry_news(named, entry):
    named(entry)

    assert ids(checks.news_travel_by_one_redis()) == ["E020"]


def test_one_server_can(named):
    named(ONE)

    assert checks.news_travel_by_one_redis() == []


def test_an_alias_that_is_not_there_cannot(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "REDIS_ALIAS": "news"}

    assert ids(checks.news_travel_by_one_redis()) == ["E020"]


def test_e021_a_listener_that_leads_nowhere(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LISTEN_DATABASE": "nowhere"}

    assert ids(checks.listening_is_possible()) == ["E021"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_w020_notifications_that_do_not_arrive(settings, monkeypatch):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "LISTEN_DATABASE": "default"}

    def deaf(self):
        raise Deaf("a notification did not arrive")

    monkeypatch.setattr(Notify, "test", deaf)

    assert ids(checks.notifications_arrive(databases=OURS)) == ["W020"]
    assert [finding.level for finding in doctor.arrives()] == [Level.WARNING]


@pytest.mark.postgres
@pytest.mark.direct
@pytest.mark.django_db(transaction=True)
def test_notifications_that_arrive(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}

    assert checks.notifications_arrive(databases=OURS) == []
    assert [finding.level for finding in doctor.arrives()] == [Level.OK]


@pytest.mark.django_db
def test_where_there_is_neither_the_polls_do_it(settings):
    if connection.vendor == "postgresql":
        pytest.skip("there is")
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}

    assert checks.notifications_arrive(databases=OURS) == []
    assert [finding.level for finding in doctor.arrives()] == [Level.OK]
