"""The guards of the trail: they stop a slip, let the purge do its work, and stand in no test runner's way."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from tests.crowd import elsewhere
from tests.sessions import log_in
from tokenauth import receivers
from tokenauth.audit import append_only, verification
from tokenauth.flows.housekeeping.purge import purge
from tokenauth.models import EventDetail, TaskRun, TokenEvent

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = TokenEvent._meta.db_table


@pytest.fixture
def guarded(triggers, monkeypatch):
    """A table as a site has it, outside the test environment."""
    monkeypatch.delattr(mail, "outbox")
    append_only.install()
    yield
    append_only.remove()


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    "slip",
    [
        lambda: TokenEvent.objects.update(cause="x"),
        lambda: TokenEvent.objects.all().delete(),
        lambda: TokenEvent.objects.first().delete(),
        lambda: execute(f"UPDATE {TABLE} SET actor = 'me'"),
        lambda: execute(f"DELETE FROM {TABLE}"),
    ],
)
def test_no_event_is_changed_or_deleted(guarded, slip):
    log_in()

    with pytest.raises(DatabaseError, match="append-only"):
        slip()

    assert list(verification.faults()) == []
    assert TokenEvent.objects.exists()


@pytest.mark.postgres
def test_the_table_is_not_emptied_at_once(guarded):
    log_in()

    with pytest.raises(DatabaseError, match="append-only"):
        execute(f"TRUNCATE {TABLE} CASCADE")


def test_a_session_goes_on_as_ever(guarded):
    session = log_in()
    session.refresh()
    session.user.set_password("another one")
    session.user.save()

    assert session.is_dead()
    assert TokenEvent.objects.count() >= 3


def test_the_purge_deletes_what_is_past_its_retention(guarded):
    log_in()

    assert purge(timezone.now() + timedelta(days=500)) > 0

    assert not TokenEvent.objects.exists()
    assert not TaskRun.objects.filter(name=append_only.OPEN).exists()


def test_the_personal_part_stays_erasable(guarded):
    log_in()

    assert EventDetail.objects.all().delete()[0] == 1


def test_what_one_transaction_may_no_other_may(guarded):
    log_in()

    def delete() -> str:
        try:
            with transaction.atomic():
                TokenEvent.objects.all().delete()
        except DatabaseError as refused:
            return str(refused)
        return "deleted"

    if connection.vendor == "sqlite":  # one writer at a time: the other sees what is committed
        with append_only.opened(using="default"):
            pass
        refused = elsewhere(delete)
    else:
        with append_only.opened(using="default"):
            refused = elsewhere(delete)

    assert "append-only" in refused


def test_in_the_test_environment_the_table_can_be_flushed(triggers):
    append_only.install()
    log_in()

    call_command("flush", interactive=False, verbosity=0)

    assert not TokenEvent.objects.exists()


def test_migrate_installs_them_and_takes_refused_ones_away(triggers, settings):
    append_only.remove()
    receivers.migrated(using="default")
    there = append_only.is_current()
    settings.TOKENAUTH = {**settings.TOKENAUTH, "TRIGGERS": "off"}
    receivers.migrated(using="default")

    assert there
    assert not append_only.is_current()


def test_one_of_another_release_is_replaced(guarded, monkeypatch):
    monkeypatch.setattr(append_only, "OPEN", "another word")

    assert not append_only.is_current()
    assert append_only.install()
    assert not append_only.install()


def test_the_command_checks_installs_and_removes(triggers, capsys):
    call_command("tokenauth_triggers", "remove")
    with pytest.raises(CommandError, match="trail's are missing"):
        call_command("tokenauth_triggers", "check")

    call_command("tokenauth_triggers", "install")
    call_command("tokenauth_triggers", "check")

    assert "Trail: installed." in capsys.readouterr().out
    assert append_only.is_current()
