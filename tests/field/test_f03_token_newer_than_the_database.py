"""F03: the token is newer than the database, after a failover or a restore that lost commits."""

import logging
from typing import Any

import pytest
from django.db import connection

from tests.factories import ClientFactory
from tests.http import Http
from tests.sessions import Session, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows.outcomes import Rotated
from tokenauth.models import TokenEvent, TokenFamily
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db

#: What a rotation writes, and a lost commit takes back.
POSITION = (
    "generation",
    "branches",
    "won",
    "rotated_at",
    "attempt",
    "overlap_run",
    "overlapped",
    "refresh_kid",
    "refresh_expires_at",
    "access_expires_at",
)


def stored(family_id: Any) -> dict[str, Any]:
    return TokenFamily.objects.filter(pk=family_id).values(*POSITION).get()


def set_back(family_id: Any, row: dict[str, Any]) -> None:
    """Write an older state of the row past every guard, as a failover does, and lose its events."""
    columns = ", ".join(f"{connection.ops.quote_name(name)} = %s" for name in row)
    table = connection.ops.quote_name(TokenFamily._meta.db_table)
    values = [
        TokenFamily._meta.get_field(name).get_db_prep_save(value, connection) for name, value in row.items()
    ]
    key = TokenFamily._meta.get_field("id").get_db_prep_value(family_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {columns} WHERE id = %s", [*values, key])
    TokenEvent.objects.filter(family=family_id, generation__gt=row["generation"]).delete()


def five_and_the_database_at_three(**login: Any) -> Session:
    session = log_in(**login)
    for _ in range(3):
        session.refresh()
    at_three = stored(session.family_id)
    for _ in range(2):
        session.refresh()
    set_back(session.family_id, at_three)
    return session


def test_the_row_jumps_forward(http: Http, ada, web, clock):
    tokens, row = http.log_in(ada, web), {}
    for generation in range(1, 6):
        clock.shift(60)
        tokens = http.refresh(tokens, web).json()
        if generation == 3:
            row = stored(tokens["session_id"])
    set_back(tokens["session_id"], row)

    answer = http.refresh(tokens, web)

    assert answer.status_code == 200
    assert TokenFamily.objects.get().generation == 6
    assert TokenFamily.objects.get().revoked_at is None
    assert http.get("/api/me/", bearer=answer.json()["access_token"]).status_code == 200
    assert http.refresh(answer.json(), web).status_code == 200


def test_it_is_one_event_that_names_what_was_jumped_and_a_log_line(caplog):
    session = five_and_the_database_at_three()

    outcome = session.show(session.pair.refresh_token)

    assert isinstance(outcome, Rotated)
    assert outcome.adopted
    event = TokenEvent.objects.get(kind=EventKind.DATABASE_BEHIND)
    assert (event.generation, event.data) == (6, {"from": 3, "to": 6})
    assert not TokenEvent.objects.filter(kind=EventKind.REUSE).exists()
    (line,) = [record for record in caplog.records if record.getMessage().startswith("database_behind ")]
    assert line.levelno == logging.ERROR


def test_what_was_current_before_the_loss_goes_on_as_any_other():
    session = five_and_the_database_at_three()
    session.refresh()

    repeated = session.refresh_and_lose_the_answer()
    session.pair = repeated

    assert session.accepts()
    assert isinstance(session.show(session.pair.refresh_token), Rotated)


def test_a_sibling_that_the_database_lost_is_adopted_too(clock):
    session = log_in()
    parent = session.pair.refresh_token
    session.refresh()
    before = stored(session.family_id)
    clock.shift(3600)
    sibling = session.show(parent)
    assert not isinstance(sibling, Refused)
    set_back(session.family_id, before)

    outcome = session.show(sibling.pair.refresh_token)

    assert isinstance(outcome, Rotated)
    assert outcome.adopted


def test_of_two_who_come_with_it_at_once_one_makes_the_jump():
    session = five_and_the_database_at_three()
    newest = session.pair.refresh_token

    first, second = session.show(newest), session.show(newest)

    assert not isinstance(first, Refused)
    assert not isinstance(second, Refused)
    assert first.pair.refresh_token == second.pair.refresh_token
    assert session.family.generation == 6


def test_a_policy_may_ask_for_a_new_login_instead_and_it_is_no_theft(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"browser": {"behind": "reauthenticate"}}}
    session = five_and_the_database_at_three(client=ClientFactory())

    outcome = session.show(session.pair.refresh_token)

    assert outcome == Refused(Cause.BEHIND, session.family_id)
    assert session.family.revoked_at is None
    assert not TokenEvent.objects.filter(kind=EventKind.REUSE).exists()
