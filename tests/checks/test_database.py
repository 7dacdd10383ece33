"""The database that holds the tables, and how it is reached."""

import sys
from types import ModuleType

import pytest
from django.db import connection
from django.db.utils import ConnectionHandler

from tests.checks.found import ids
from tests.factories import ClientFactory
from tokenauth.checks import database as checks
from tokenauth.models import Client

IMMEDIATE = {"transaction_mode": "IMMEDIATE"}
LOGGED = {"init_command": "PRAGMA journal_mode=WAL"}


@pytest.fixture
def reached_by(monkeypatch, django_db_blocker):
    """The site's database as other settings would reach it."""
    handlers = []

    def reach(**database):
        handlers.append(ConnectionHandler({"default": database}))
        monkeypatch.setattr(checks, "connections", handlers[-1])

    with django_db_blocker.unblock():
        yield reach
    for handler in handlers:
        handler.close_all()


@pytest.fixture
def sqlite(reached_by, tmp_path):
    def reach(options, name=None):
        reached_by(
            ENGINE="django.db.backends.sqlite3", NAME=name or str(tmp_path / "site.sqlite3"), OPTIONS=options
        )

    return reach


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, ["IMMEDIATE", "'delete'"]),
        (IMMEDIATE, ["'delete'"]),
        (LOGGED, ["IMMEDIATE"]),
        ({**IMMEDIATE, "init_command": "PRAGMA journal_mode=MEMORY"}, ["'memory'"]),
        ({**IMMEDIATE, **LOGGED}, []),
    ],
)
def test_w004_sqlite_that_two_cannot_write_at_once(sqlite, options, said):
    sqlite(options)

    found = checks.sqlite_is_ready_for_two_at_once(databases=["default"])

    assert ids(found) == ["W004"] * len(said)
    assert all(word in message.msg for word, message in zip(said, found, strict=True))


def test_w004_the_mode_is_the_files_not_the_settings(sqlite):
    sqlite({**IMMEDIATE, **LOGGED})
    checks.sqlite_is_ready_for_two_at_once(databases=["default"])

    sqlite(IMMEDIATE)

    assert checks.sqlite_is_ready_for_two_at_once(databases=["default"]) == []


def test_w004_a_database_in_memory_has_no_log(sqlite):
    sqlite(IMMEDIATE, name=":memory:")

    assert checks.sqlite_is_ready_for_two_at_once(databases=["default"]) == []


def test_w004_a_file_that_cannot_be_opened_is_not_the_matter_of_this_check(sqlite, tmp_path):
    sqlite(IMMEDIATE, name=str(tmp_path / "nowhere" / "site.sqlite3"))

    assert checks.sqlite_is_ready_for_two_at_once(databases=["default"]) == []


def test_w004_asks_no_database_unless_it_may(sqlite):
    sqlite({})

    assert checks.sqlite_is_ready_for_two_at_once() == []
    assert checks.connections["default"].connection is None


def test_w005_more_clients_than_a_process_should_hold(db, monkeypatch):
    monkeypatch.setattr(checks, "MOST_CLIENTS", 1)
    ClientFactory.create_batch(2)

    assert ids(checks.clients_fit_in_memory(databases=["default"])) == ["W005"]
    Client.objects.first().delete()
    assert checks.clients_fit_in_memory(databases=["default"]) == []


@pytest.mark.parametrize("pool", [True, {"min_size": 2}])
def test_w011_a_pool_that_a_fork_could_share(reached_by, pool):
    reached_by(ENGINE="django.db.backends.postgresql", NAME="site", OPTIONS={"pool": pool})

    found = checks.pools_do_not_cross_a_fork()

    assert ids(found) == ["W011"]
    assert "preload_app" in found[0].hint


@pytest.mark.parametrize("options", [{}, {"pool": False}])
def test_w011_is_silent_without_a_pool(reached_by, options):
    reached_by(ENGINE="django.db.backends.postgresql", NAME="site", OPTIONS=options)

    assert checks.pools_do_not_cross_a_fork() == []


@pytest.mark.parametrize("engine", ["django_tenants.postgresql_backend", "tenant_schemas.postgresql_backend"])
def test_e013_a_schema_for_each_tenant(monkeypatch, engine):
    assert checks.tables_are_of_one_site() == []

    monkeypatch.setitem(connection.settings_dict, "ENGINE", engine)

    assert ids(checks.tables_are_of_one_site()) == ["E013"]


def test_e013_is_silent_where_the_site_says_which_tenant_it_is(tokenauth, monkeypatch):
    tokenauth(NAMESPACE=lambda: "north")
    monkeypatch.setitem(connection.settings_dict, "ENGINE", "django_tenants.postgresql_backend")

    assert checks.tables_are_of_one_site() == []


def test_e013_a_back_end_that_a_site_derived_from_one_of_those(monkeypatch):
    theirs = type("DatabaseWrapper", (), {"__module__": "django_tenants.postgresql_backend.base"})
    own = type("DatabaseWrapper", (theirs,), {"settings_dict": {"ENGINE": "site.back_end"}})
    monkeypatch.setattr(checks, "connections", {"default": own()})

    assert ids(checks.tables_are_of_one_site()) == ["E013"]


def test_e013_the_router_that_goes_with_them(settings, monkeypatch):
    routers = ModuleType("django_tenants.routers")
    routers.TenantSyncRouter = type("TenantSyncRouter", (), {})
    monkeypatch.setitem(sys.modules, "django_tenants", ModuleType("django_tenants"))
    monkeypatch.setitem(sys.modules, routers.__name__, routers)
    settings.DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
    assert ids(checks.tables_are_of_one_site()) == ["E013"]

    settings.TENANT_DB_DATABASE = "of the tenants"  # and ours lie in another
    assert checks.tables_are_of_one_site() == []


def test_e014_a_database_that_is_not_there(tokenauth):
    tokenauth(DATABASE="nowhere")

    assert ids(checks.models_lie_where_the_setting_says()) == ["E014"]


def test_e014_a_router_that_leads_elsewhere(tokenauth, settings):
    settings.DATABASE_ROUTERS = ["tests.checks.test_database.LeadsElsewhere"]
    tokenauth(DATABASE="default")

    assert ids(checks.models_lie_where_the_setting_says()) == ["E014"]
    settings.DATABASE_ROUTERS = ["tokenauth.routers.OwnDatabase", *settings.DATABASE_ROUTERS]
    assert checks.models_lie_where_the_setting_says() == []


class LeadsElsewhere:
    def db_for_read(self, model, **hints):
        return "other"

    db_for_write = db_for_read
