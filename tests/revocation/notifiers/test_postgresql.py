"""Orders by way of NOTIFY: where there is PostgreSQL, no Redis, and a connection on which one can listen."""

import uuid

import pytest
from django.db import connection, transaction

from tests.redis_servers import wait_for
from tests.sessions import log_in
from tokenauth.flows import revoke
from tokenauth.models import users
from tokenauth.revocation import own_connection, source
from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.notifiers import postgresql, publishing
from tokenauth.revocation.notifiers.postgresql import Deaf, Notify
from tokenauth.revocation.notifiers.publishing import publish
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

pytestmark = [pytest.mark.postgres, pytest.mark.direct, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def on_notify(settings):
    """Requests poll, every 30 s: what arrives sooner was notified."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "STALENESS_BOUND": 60}
    MIRROR.forget()
    return settings


@pytest.fixture
def listening(listener):
    """Starts the thread and returns once it has heard itself."""

    def start() -> None:
        MIRROR._woken.clear()
        listener()
        wait_for(MIRROR._woken.is_set, "the first connection")

    return start


def revoke_of(session) -> None:
    revoke(OfUser(users.key_of(session.user)))


def listeners() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        return [pid for (pid,) in cursor.fetchall()]


def test_an_order_arrives_without_a_question_to_the_database(on_notify, listening, elsewhere, monkeypatch):
    session = log_in()
    assert session.accepts()
    listening()
    asked = []
    monkeypatch.setattr(source, "ask", lambda *a, **k: asked.append(1))

    revoke_of(session)

    wait_for(lambda: not session.accepts(), "the order arrives")
    assert asked == []


def test_more_than_a_payload_holds_sends_mirrors_to_the_database(on_notify, listening):
    assert log_in().accepts()
    listening()
    MIRROR._woken.clear()

    publish([Order(n, n, Kind.USER, "x" * 200, 1, 2e9) for n in range(1, 200)], uuid.uuid4())

    wait_for(MIRROR._woken.is_set, "the mirror is sent to the database")


@pytest.mark.parametrize("payload", ["", "1 AAAA", "1 not-base64!", "2 anything", "noise"])
def test_what_anybody_sends_on_the_channel_revokes_nothing(on_notify, listening, payload):
    session = log_in()
    assert session.accepts()
    listening()
    MIRROR._woken.clear()

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [Notify("default")._channel, payload])

    wait_for(MIRROR._woken.is_set, "the mirror is sent to the database")
    assert session.accepts()


def test_a_connection_that_is_cut_is_made_again_and_the_database_asked(on_notify, listening):
    assert log_in().accepts()
    listening()
    MIRROR._woken.clear()
    (before,) = listeners()

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [before])

    wait_for(MIRROR._woken.is_set, "the second connection")
    assert listeners() != [before]


def test_nothing_is_told_inside_a_transaction(on_notify, monkeypatch):
    log_in()
    told = []
    monkeypatch.setattr(postgresql, "_payload", lambda *a: told.append(1))

    with transaction.atomic():
        publish([Order(1, 1, Kind.USER, "ada", 1, 2e9)], uuid.uuid4())

    assert told == []


def test_it_hears_itself(on_notify):
    Notify("default").test()


def test_where_nothing_arrives_it_says_so(on_notify, monkeypatch):
    monkeypatch.setattr(postgresql, "_TEST", 0.2)
    real, opened = own_connection.opened, []

    def astray(alias, *, patience):
        """The second connection, the writer's, leads to another database of the same server."""
        opened.append(real(alias, patience=patience))
        if len(opened) == 2:
            opened[1].close()
            opened[1].settings_dict = {**opened[1].settings_dict, "NAME": "postgres"}
        return opened[-1]

    monkeypatch.setattr(own_connection, "opened", astray)

    with pytest.raises(Deaf):
        Notify("default").test()


def test_a_pooler_that_the_settings_name_is_not_listened_to(on_notify, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)

    assert publishing.chosen() is None


def test_a_direct_connection_that_the_settings_name_is(on_notify, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    on_notify.TOKENAUTH = {**on_notify.TOKENAUTH, "LISTEN_DATABASE": "default"}

    assert isinstance(publishing.chosen(), Notify)
