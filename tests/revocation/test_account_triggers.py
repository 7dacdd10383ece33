"""The trigger's installation: by migrate, by command, and what happens without it."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from tests.sessions import log_in
from tokenauth.models import RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import Mode
from tokenauth.revocation.account_triggers.target import NAME

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("triggers")]


def rows(session):
    return get_user_model().objects.filter(pk=session.user.pk)


def save_new_password(session):
    user = rows(session).get()
    user.set_password("another one")
    user.save()


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_it_is_installed_once_and_replaced_where_it_says_something_else(settings):
    assert account_triggers.is_current()
    assert not account_triggers.install()

    settings.TOKENAUTH = {**settings.TOKENAUTH, "TRIGGER_COLUMNS": ("email",)}

    assert not account_triggers.is_current()
    assert account_triggers.install()
    session = log_in()
    rows(session).update(email="other@example.org")
    assert session.is_dead()


def test_without_it_the_signals_do_its_work_and_never_both():
    session = log_in()
    account_triggers.remove()
    assert account_triggers.mode() is Mode.SIGNALS

    with transaction.atomic():
        save_new_password(session)

    orders = RevocationOrder.objects.filter(kind=OrderKind.USER, key=users.key_of(session.user))
    assert [order.floor for order in orders] == [1]
    assert session.is_dead()


def test_migrate_installs_it_and_takes_a_refused_one_away(settings):
    account_triggers.remove()

    call_command("migrate", verbosity=0)
    assert account_triggers.mode() is Mode.TRIGGERS

    settings.TOKENAUTH = {**settings.TOKENAUTH, "TRIGGERS": "off"}
    call_command("migrate", verbosity=0)
    assert not account_triggers.is_current()
    assert account_triggers.mode() is Mode.SIGNALS


def test_the_command_installs_removes_and_checks():
    call_command("tokenauth_triggers", "install", verbosity=0)
    call_command("tokenauth_triggers", "check", verbosity=0)
    call_command("tokenauth_triggers", "remove", verbosity=0)

    with pytest.raises(CommandError, match="install"):
        call_command("tokenauth_triggers", "check")

    call_command("tokenauth_triggers", "install", verbosity=0)
    assert account_triggers.is_current()


@pytest.mark.postgres
def test_a_switched_off_one_is_not_taken_for_one():
    execute(f"ALTER TABLE auth_user DISABLE TRIGGER {NAME}")
    account_triggers.forget()

    assert account_triggers.mode() is Mode.SIGNALS


@pytest.mark.postgres
def test_a_migration_may_still_alter_the_users_columns():
    execute("ALTER TABLE auth_user ALTER COLUMN password TYPE varchar(200)")
    execute("ALTER TABLE auth_user ALTER COLUMN password TYPE varchar(128)")

    session = log_in()
    rows(session).update(password="md5$salt$another")
    assert session.is_dead()
