"""The database with tokenauth's tables."""

import pytest
from django.db import OperationalError, connection, connections

from tokenauth.doctor import bounded, database
from tokenauth.doctor.findings import Level

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reached(monkeypatch):
    """What is told of the database over TCP, as if that went to another host."""

    def tell(mode):
        settings = connections.settings["default"]
        with monkeypatch.context() as inside:
            inside.setitem(settings, "OPTIONS", {**settings["OPTIONS"], "sslmode": mode})
            inside.setattr(database, "is_remote", lambda host: host == "127.0.0.1")
            return bounded.within(5, database.answers)

    return tell


def test_it_tells_kind_version_and_time():
    (found,) = database.answers()

    assert found.level is Level.OK
    assert found.text.startswith("'default' answers in ")
    assert f" ms: {connection.display_name} " in found.text


@pytest.mark.postgres
def test_one_on_another_host_without_tls_is_told(reached):
    _, transport = reached("disable")

    assert transport.level is Level.WARNING
    assert "without TLS" in transport.text


@pytest.mark.postgres
def test_one_on_another_host_by_tls_is_told(reached):
    try:
        _, transport = reached("require")
    except OperationalError as refused:
        pytest.skip(f"this server has no TLS: {refused}")

    assert transport.level is Level.OK
    assert "by TLS" in transport.text


def test_migrations_are_all_applied():
    (found,) = database.migrations()

    assert found.level is Level.OK
