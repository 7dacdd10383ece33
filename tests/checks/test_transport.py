"""Who can read along, and what the proxies in front say."""

import pytest
from django.db.utils import ConnectionHandler

from tests.checks.found import ids
from tokenauth.checks import transport as checks

POSTGRESQL = "django.db.backends.postgresql"
DJANGO_REDIS = "django_redis.cache.RedisCache"
DJANGOS = "django.core.cache.backends.redis.RedisCache"
HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.fixture
def reached_by(monkeypatch):
    """The site's database as other settings would reach it; nothing is sent there."""
    for name in ("PGHOST", "PGSSLMODE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)

    def reach(engine, host="", **options):
        database = {"ENGINE": engine, "NAME": "site", "HOST": host, "OPTIONS": options}
        monkeypatch.setattr(checks, "connections", ConnectionHandler({"default": database}))

    return reach


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.5", "2001:db8::5", "/tmp,db.example.com"])
@pytest.mark.parametrize("options", [{}, {"sslmode": "prefer"}, {"sslmode": "disable"}])
def test_w009_postgresql_elsewhere_in_the_clear(reached_by, host, options):
    reached_by(POSTGRESQL, host, **options)

    found = checks.databases_are_reached_by_tls()

    assert ids(found) == ["W009"]
    assert "sslmode" in found[0].hint


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_w009_is_silent_where_postgresql_is_reached_by_tls(reached_by, mode):
    reached_by(POSTGRESQL, "db.example.com", sslmode=mode)

    assert checks.databases_are_reached_by_tls() == []


@pytest.mark.parametrize(
    "host", ["", "localhost", "127.0.0.1", "127.8.8.8", "::1", "/var/run/postgresql", "@pg"]
)
def test_w009_is_silent_where_postgresql_is_on_this_machine(reached_by, host):
    reached_by(POSTGRESQL, host)

    assert checks.databases_are_reached_by_tls() == []


def test_w009_knows_what_libpq_reads_besides_the_settings(reached_by, monkeypatch):
    reached_by(POSTGRESQL)
    monkeypatch.setenv("PGHOST", "db.example.com")
    assert ids(checks.databases_are_reached_by_tls()) == ["W009"]

    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert checks.databases_are_reached_by_tls() == []

    reached_by(POSTGRESQL, sslmode="prefer")
    assert ids(checks.databases_are_reached_by_tls()) == ["W009"]


@pytest.mark.parametrize("options", [{"service": "site"}, {"sslrootcert": "system"}])
def test_w009_is_silent_where_a_file_or_a_certificate_decides(reached_by, options):
    reached_by(POSTGRESQL, "db.example.com", **options)

    assert checks.databases_are_reached_by_tls() == []


@pytest.mark.parametrize(
    ("host", "options", "clear"),
    [
        ("db.example.com", {}, True),
        ("db.example.com", {"ssl_mode": "PREFERRED"}, True),
        ("db.example.com", {"ssl_mode": "VERIFY_IDENTITY"}, False),
        ("db.example.com", {"ssl": {"ca": "ca.pem"}}, False),
        ("db.example.com", {"ssl_ca": "ca.pem"}, False),
        ("db.example.com", {"read_default_file": "my.cnf"}, False),
        ("127.0.0.1", {}, False),
        ("/run/mysqld/mysqld.sock", {}, False),
    ],
)
def test_w009_mysql_elsewhere_in_the_clear(host, options, clear):
    assert checks._mysql_is_in_the_clear({"HOST": host, "OPTIONS": options}) is clear


def test_w009_is_silent_on_sqlite(reached_by, tmp_path):
    reached_by("django.db.backends.sqlite3")

    assert checks.databases_are_reached_by_tls() == []


@pytest.mark.parametrize("backend", [DJANGO_REDIS, DJANGOS])
@pytest.mark.parametrize(
    "location",
    [
        "redis://cache.example.com:6379/1",
        "redis://user:password@10.0.0.6/1",
        ["redis://127.0.0.1/1", "redis://10.0.0.6/1"],
        "redis://127.0.0.1/1,redis://10.0.0.6/1",
    ],
)
def test_w010_redis_elsewhere_in_the_clear(settings, backend, location):
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location}}

    found = checks.caches_are_reached_by_tls()

    assert ids(found) == ["W010"]
    assert "password" not in f"{found[0].msg}{found[0].hint}"


@pytest.mark.parametrize(
    "location",
    [
        "rediss://cache.example.com/1",
        "redis://127.0.0.1/1",
        "redis://[::1]:6379",
        "unix:///run/redis.sock",
        "",
    ],
)
def test_w010_is_silent_on_tls_and_on_this_machine(settings, location):
    settings.CACHES = {"default": {"BACKEND": DJANGO_REDIS, "LOCATION": location}}

    assert checks.caches_are_reached_by_tls() == []


@pytest.mark.parametrize(("host", "found"), [("10.0.0.7", ["W010"]), ("127.0.0.1", [])])
def test_w010_sentinels_are_the_hosts(settings, host, found):
    settings.CACHES = {
        "default": {
            "BACKEND": DJANGO_REDIS,
            "LOCATION": "redis://the-master/1",
            "OPTIONS": {"SENTINELS": [(host, 26379)]},
        }
    }

    assert ids(checks.caches_are_reached_by_tls()) == found


def test_w010_looks_at_the_cache_that_tokenauth_uses(settings, tokenauth):
    remote = {"BACKEND": DJANGO_REDIS, "LOCATION": "redis://10.0.0.6/1"}
    settings.CACHES = {**settings.CACHES, "pages": remote}
    assert checks.caches_are_reached_by_tls() == []

    tokenauth(LIMITS_CACHE="pages")
    assert ids(checks.caches_are_reached_by_tls()) == ["W010"]


def test_w010_looks_at_the_one_that_news_travel_by(settings, tokenauth):
    settings.CACHES = {
        **settings.CACHES,
        "news": {"BACKEND": DJANGO_REDIS, "LOCATION": "redis://10.0.0.6/1"},
    }

    tokenauth(REDIS_ALIAS="news")

    assert ids(checks.caches_are_reached_by_tls()) == ["W010"]


@pytest.mark.parametrize("options", [{}, {"connect_timeout": 5}, {"tcp_user_timeout": 10_000}])
def test_w021_a_database_elsewhere_that_nobody_gives_up(reached_by, options):
    reached_by(POSTGRESQL, "db.example.com", **options)

    found = checks.a_silent_database_is_given_up()

    assert ids(found) == ["W021"]
    assert "tcp_user_timeout" in found[0].hint


@pytest.mark.parametrize(
    ("engine", "host", "options"),
    [
        (POSTGRESQL, "db.example.com", {"connect_timeout": 5, "tcp_user_timeout": 10_000}),
        (POSTGRESQL, "127.0.0.1", {}),
        (POSTGRESQL, "", {}),
        ("django.db.backends.sqlite3", "", {}),
    ],
)
def test_w021_is_silent_on_this_machine_and_where_waiting_is_bounded(reached_by, engine, host, options):
    reached_by(engine, host, **options)

    assert checks.a_silent_database_is_given_up() == []


def test_w012_a_proxy_that_does_not_tell_of_tls(settings, tokenauth):
    tokenauth(TRUSTED_PROXIES=1)
    assert ids(checks.proxies_tell_of_tls()) == ["W012"]

    settings.SECURE_PROXY_SSL_HEADER = HEADER
    assert checks.proxies_tell_of_tls() == []


@pytest.mark.parametrize("changes", [{"TRUSTED_PROXIES": 0}, {"TRUSTED_PROXIES": 1, "REQUIRE_TLS": False}])
def test_w012_is_silent_where_nothing_would_be_refused(tokenauth, changes):
    tokenauth(**changes)

    assert checks.proxies_tell_of_tls() == []


def test_w012_is_right_that_everything_is_refused(db, settings, tokenauth, client):
    tokenauth(TRUSTED_PROXIES=1)
    by_tls = {"x-forwarded-proto": "https"}

    assert client.get("/auth/jwks/", headers=by_tls).status_code == 400

    settings.SECURE_PROXY_SSL_HEADER = HEADER
    assert client.get("/auth/jwks/", headers=by_tls).status_code == 200


def test_w013_a_proxy_whose_address_every_user_gets(settings, tokenauth):
    assert checks.addresses_are_not_the_proxys() == []

    settings.SECURE_PROXY_SSL_HEADER = HEADER
    assert ids(checks.addresses_are_not_the_proxys()) == ["W013"]

    tokenauth(TRUSTED_PROXIES=1)
    assert checks.addresses_are_not_the_proxys() == []
