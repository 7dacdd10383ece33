"""Guarantee 7: whatever changes an account, by whatever path, ends its tokens in the same commit."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.test import override_settings

from tests.factories import BETTER_HASHERS, PASSWORD, UserFactory
from tests.sessions import log_in
from tokenauth.errors import Cause
from tokenauth.flows import reencoding_passwords
from tokenauth.models import AccountState, PasswordUpgrade, RevocationOrder, TokenEvent, users
from tokenauth.models.event import EventKind
from tokenauth.models.order import OrderKind
from tokenauth.revocation import account_triggers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("triggers")]


def stored(session):
    return get_user_model().objects.get(pk=session.user.pk)


def rows(session):
    return get_user_model().objects.filter(pk=session.user.pk)


def orders_of(session):
    return RevocationOrder.objects.filter(kind=OrderKind.USER, key=users.key_of_pk(session.user.pk))


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def saved(session):
    user = stored(session)
    user.set_password("another one")
    user.save()


def updated(session):
    rows(session).update(password=make_password("another one"))


def bulk_updated(session):
    user = stored(session)
    user.is_active = False
    get_user_model().objects.bulk_update([user], ["is_active"])


def deactivated_by_update(session):
    rows(session).update(is_active=False)


def written_by_sql(session):
    execute("UPDATE auth_user SET password = %s WHERE id = %s", "!nothing", session.user.pk)


def deleted(session):
    stored(session).delete()


def deleted_by_sql(session):
    execute("DELETE FROM auth_user WHERE id = %s", session.user.pk)


CHANGES = [
    saved,
    updated,
    bulk_updated,
    deactivated_by_update,
    written_by_sql,
    deleted,
    deleted_by_sql,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_any_path_moves_the_epoch_once_and_ends_the_tokens(change):
    session, bystander = log_in(), log_in()
    key = users.key_of(session.user)

    change(session)

    assert AccountState.objects.epoch_of(key) == 1
    assert [order.floor for order in orders_of(session)] == [1]
    assert session.is_dead()
    assert bystander.accepts()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_rolls_back_ends_nothing(change):
    session = log_in()

    with transaction.atomic():
        change(session)
        transaction.set_rollback(True)

    assert not orders_of(session).exists()
    assert session.accepts()
    assert session.refresh()


def test_a_change_whose_post_save_crashes_has_ended_the_tokens_all_the_same(monkeypatch):
    session = log_in()
    monkeypatch.setattr("tokenauth.receivers.record_account_change", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        saved(session)

    assert session.is_dead()


def other_field(session):
    rows(session).update(first_name="Ada")


def last_login(session):
    stored(session).save(update_fields=["last_login"])


def same_values(session):
    stored(session).save()


@pytest.mark.parametrize("change", [other_field, last_login, same_values])
def test_what_does_not_decide_ends_nothing(change):
    session = log_in()

    change(session)

    assert session.accepts()
    assert not RevocationOrder.objects.exists()


def test_unusable_to_unusable_is_no_change():
    session = log_in(UserFactory(password=None))

    rows(session).update(password="!one")
    rows(session).update(password="!another")

    assert session.accepts()


def test_unusable_together_with_inactive_is_one():
    session = log_in(UserFactory(password=None))

    rows(session).update(password="!another", is_active=False)

    assert session.is_dead()


def test_a_better_hash_of_the_same_password_is_no_change():
    session = log_in()

    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        assert stored(session).check_password(PASSWORD)

    assert stored(session).password.startswith("pbkdf2_sha256$")
    assert session.refresh()
    assert PasswordUpgrade.objects.get().used


def test_twins_that_upgrade_the_same_hash_are_no_change():
    session = log_in()
    twins = [stored(session) for _ in range(3)]

    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        for twin in twins:
            assert twin.check_password(PASSWORD)

    assert not RevocationOrder.objects.exists()
    assert session.refresh()


def test_a_stale_upgrade_over_a_new_password_is_a_change():
    session = log_in()
    stale = stored(session)
    saved(session)
    again = log_in(stored(session))

    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        stale.check_password(PASSWORD)

    assert again.is_dead()


def test_a_used_mark_excuses_no_second_change():
    session = log_in()
    old = stored(session).password
    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        stored(session).check_password(PASSWORD)
    better = stored(session).password
    rows(session).update(password=old)
    again = log_in(stored(session))

    rows(session).update(password=better)

    assert again.is_dead()


def reencoded(session):
    with reencoding_passwords():
        updated(session)


def test_a_migration_that_reencodes_hashes_logs_nobody_out():
    session = log_in()

    reencoded(session)

    assert session.accepts()
    assert session.refresh()
    assert not PasswordUpgrade.objects.exists()


def test_what_follows_a_reencoding_is_a_change_again():
    session = log_in()
    reencoded(session)

    updated(session)

    assert session.is_dead()


def test_who_becomes_inactive_while_hashes_are_reencoded_loses_his_tokens():
    session = log_in()

    with reencoding_passwords():
        rows(session).update(password="md5$salt$another", is_active=False)

    assert session.is_dead()


@pytest.mark.postgres
def test_a_password_that_is_changed_while_another_process_reencodes_is_a_change():
    session = log_in()

    def change():
        try:
            updated(session)
        finally:
            connection.close()

    with reencoding_passwords(), ThreadPoolExecutor(1) as pool:
        pool.submit(change).result()

    assert session.is_dead()


def test_signals_allow_a_reencoding_too():
    session = log_in()
    account_triggers.remove()

    with reencoding_passwords():
        saved(session)

    assert session.accepts()


def test_a_mark_of_another_account_excuses_nothing():
    session, other = log_in(), log_in()
    old, new = stored(session).password, make_password("another one")
    PasswordUpgrade.objects.mark(users.key_of(other.user), old=old, new=new, at=session.family.created_at)

    rows(session).update(password=new)

    assert session.is_dead()


def test_a_saved_change_lies_in_the_trail_and_a_deletion_with_its_cause():
    session = log_in()
    key = users.key_of(session.user)

    saved(session)
    deleted(session)

    causes = TokenEvent.objects.of_user(key).filter(kind=EventKind.REVOKED).values_list("cause", flat=True)
    assert list(causes) == [Cause.ACCOUNT_CHANGED, Cause.ACCOUNT_GONE]
    assert [order.cause for order in orders_of(session).order_by("id")] == list(causes)


@pytest.mark.postgres
def test_many_at_once_lose_no_change():
    session = log_in()

    def change(turn):
        try:
            rows(session).update(password=f"md5$salt${turn}")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(24)))

    assert AccountState.objects.epoch_of(users.key_of(session.user)) == 24
    assert sorted(order.floor for order in orders_of(session)) == list(range(1, 25))
