"""F14: PostgreSQL behind a pooler in transaction mode; the stack of that name runs more of the suite so."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from django.utils import timezone

from tests.crowd import at_once
from tests.pooler import NoPooler, pooled
from tests.sessions import Session, claims_of, log_in
from tokenauth.audit import verification
from tokenauth.checks import notifiers as checks
from tokenauth.doctor import notifier as doctor
from tokenauth.doctor.findings import Level
from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import JOBS, Ran
from tokenauth.flows.keep import keep
from tokenauth.flows.revoke import revoke
from tokenauth.models import TokenEvent, prepared
from tokenauth.models.users import key_of
from tokenauth.revocation.notifiers import publishing
from tokenauth.revocation.notifiers.postgresql import Deaf, Notify
from tokenauth.revocation.process import ProcessMirror
from tokenauth.revocation.subjects import OfUser

pytestmark = [pytest.mark.postgres, pytest.mark.direct, pytest.mark.django_db(transaction=True)]


SERVER_CONNECTIONS = 4


@pytest.fixture(params=[True, False], ids=["named in the settings", "not named"])
def behind_a_pooler(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[bool]:
    """The test's connections lead through it; whether DISABLE_SERVER_SIDE_CURSORS says so."""
    direct = dict(connection.settings_dict)
    try:
        with pooled(os.environ["DATABASE_URL"]) as url:
            through = {"HOST": "127.0.0.1", "PORT": urlsplit(url).port, "OPTIONS": {}}
            _lead(**through, DISABLE_SERVER_SIDE_CURSORS=request.param)
            at_once([_keep_busy] * SERVER_CONNECTIONS)
            yield request.param
    except NoPooler:
        pytest.skip("PgBouncer is not installed")
    finally:
        _lead(**direct)


def _keep_busy() -> None:
    # as many at once as the pooler shall have server connections, which it then takes in turn
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.2)")


def _lead(**changes: object) -> None:
    connection.close()
    connection.settings_dict.update(changes)
    django_settings.DATABASES["default"].update(changes)


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """An alias that leads past the pooler."""
    parts, real = urlsplit(os.environ["DATABASE_URL"]), connections.create_connection
    past = {"HOST": parts.hostname, "PORT": parts.port or 5432, "DISABLE_SERVER_SIDE_CURSORS": False}
    past["NAME"] = connection.settings_dict["NAME"]
    monkeypatch.setitem(connections.settings, "direct", {**connections.settings["default"], **past})

    def create(alias: str) -> Any:
        # under the name of the alias that the test may use
        created = real("default")
        created.settings_dict = {**created.settings_dict, **(past if alias == "direct" else {})}
        return created

    monkeypatch.setattr(connections, "create_connection", create)


@pytest.fixture
def session(behind_a_pooler: bool) -> Session:
    return log_in(device="phone")


def test_a_session_lives_and_ends(session):
    for _ in range(12):
        assert session.refresh()
    revoke(OfUser(key_of(session.user)))

    assert session.is_dead()


def test_many_refresh_at_once(session):
    sessions = [log_in() for _ in range(4)]

    for _ in range(3):
        assert all(at_once([one.refresh for one in sessions]))

    assert {one.family.generation for one in sessions} == {3}


def test_an_own_password_change_keeps_the_session(session, rf):
    request = rf.post("/")
    request.auth = claims_of(session.pair.access_token)

    with keep(request, session.user) as kept:
        session.user.set_password("another one")
        session.user.save()
    session.pair = kept.pair

    assert session.refresh()


def test_the_house_is_kept_and_the_trail_read(session):
    for _ in range(3):
        session.refresh()

    assert {type(housekeeping.run(name)) for name in JOBS} == {Ran}
    assert list(verification.faults()) == []
    assert TokenEvent.objects.of_family(session.family_id).count() == 4


def test_a_process_follows_revocations(session, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}
    mirror, claims = ProcessMirror(), claims_of(session.pair.access_token)
    before = mirror.refused(claims)
    revoke(OfUser(key_of(session.user)))
    mirror._asked_at = float("-inf")  # the bound has passed

    after = mirror.refused(claims)
    mirror.forget()

    assert before is None
    assert after is not None


@pytest.mark.parametrize("behind_a_pooler", [False], indirect=True, ids=["not named"])
def test_who_listens_behind_one_notices_that_nothing_arrives(session, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}

    assert isinstance(publishing.chosen(), Notify)
    with pytest.raises(Deaf):
        Notify("default").test()
    assert [found.id for found in checks.notifications_arrive(databases=["default"])] == ["tokenauth.W020"]


@pytest.mark.parametrize("behind_a_pooler", [True], indirect=True, ids=["named in the settings"])
def test_who_listens_on_a_direct_connection_hears_what_is_told_through_one(session, settings, direct):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "LISTEN_DATABASE": "direct"}

    Notify("direct").test()
    assert checks.notifications_arrive(databases=["default"]) == []
    assert doctor.arrives()[0].level is Level.OK


def test_one_that_the_settings_do_not_name_is_found_and_planned_for_no_more(session, behind_a_pooler):
    for _ in range(4):
        session.refresh()

    assert (connection.connection in prepared._POOLED) is not behind_a_pooler
    assert session.family.generation == 4
    assert session.family.rotated_at <= timezone.now()
