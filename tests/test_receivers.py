"""An account that changes ends its tokens, whoever saves it."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.signals import user_logged_out
from django.core.cache import caches
from django.db import connection, transaction
from django.test import override_settings

from tests.factories import BETTER_HASHERS, PASSWORD, UserFactory
from tests.sessions import log_in
from tokenauth.errors import Cause, Refused
from tokenauth.models import AccountState, RevocationOrder, users
from tokenauth.risk import limits

pytestmark = pytest.mark.django_db(transaction=True)


def stored(session):
    return get_user_model().objects.get(pk=session.user.pk)


def new_password(user):
    user.set_password("another one")
    user.save()


def new_hash(user):
    user.password = make_password("another one")
    user.save(update_fields=["password"])


def deactivated(user):
    user.is_active = False
    user.save()


def no_password(user):
    user.set_unusable_password()
    user.save()


def replaced(user):
    get_user_model()(pk=user.pk, username=user.username, password=make_password("another one")).save()


@pytest.mark.parametrize("change", [new_password, new_hash, deactivated, no_password, replaced])
def test_a_change_ends_the_tokens(change):
    session, bystander = log_in(), log_in()

    change(stored(session))

    assert session.is_dead()
    assert bystander.accepts()


@pytest.mark.parametrize("change", [new_password, deactivated])
def test_a_change_that_rolls_back_ends_nothing(change):
    session = log_in()

    with transaction.atomic():
        change(stored(session))
        transaction.set_rollback(True)

    assert session.accepts()
    assert session.refresh()


def test_a_deleted_users_tokens_end_and_his_key_stays_dead():
    session = log_in()
    key = session.user.pk
    stored(session).delete()
    again = UserFactory(pk=key, username="again")

    assert session.is_dead()
    assert AccountState.objects.get(user_key=users.key_of(again)).epoch > 0
    assert log_in(again).accepts()


def test_a_user_who_is_active_again_finds_his_old_tokens_dead():
    session = log_in()
    deactivated(stored(session))
    user = stored(session)
    user.is_active = True
    user.save()

    assert session.is_dead()
    assert log_in(user).accepts()


def other_field(user):
    user.first_name = "Ada"
    user.save()


def last_login(user):
    user.save(update_fields=["last_login"])


def unusable_again(user):
    user.set_unusable_password()
    user.save()


@pytest.mark.parametrize("change", [other_field, last_login])
def test_what_does_not_decide_ends_nothing(change):
    session = log_in()

    change(stored(session))

    assert session.accepts()
    assert not RevocationOrder.objects.exists()


def test_unusable_to_unusable_is_no_change():
    session = log_in(UserFactory(password=None))

    unusable_again(stored(session))

    assert session.accepts()


def test_a_better_hash_of_the_same_password_is_no_change(settings):
    session = log_in()
    settings.PASSWORD_HASHERS = BETTER_HASHERS
    user = stored(session)

    assert user.check_password("correct horse battery staple")

    assert stored(session).password.startswith("pbkdf2_sha256$")
    assert session.accepts()
    assert session.refresh()


def test_twins_that_upgrade_the_same_hash_are_no_change():
    session = log_in()
    twins = [stored(session) for _ in range(3)]
    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        for twin in twins:
            assert twin.check_password(PASSWORD)

    assert session.accepts()
    assert not RevocationOrder.objects.exists()


def test_a_stale_upgrade_over_a_new_password_is_a_change():
    session = log_in()
    stale, owner = stored(session), stored(session)
    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        new_password(owner)
        session = log_in(owner)
        stale.check_password(PASSWORD)

    assert session.is_dead()


def test_a_stale_upgrade_over_a_new_password_in_an_old_hash_is_a_change():
    session = log_in()
    stale, owner = stored(session), stored(session)
    new_password(owner)
    session = log_in(owner)
    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        stale.check_password(PASSWORD)

    assert session.is_dead()


def test_an_assigned_hash_after_an_upgrade_is_a_change():
    session = log_in()
    user = stored(session)
    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        user.check_password(PASSWORD)
        new_hash(user)

    assert session.is_dead()


def test_twins_whose_marker_is_lost_count_as_a_change():
    session = log_in()
    twins = [stored(session), stored(session)]
    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        twins[0].check_password(PASSWORD)
        caches["default"].clear()
        twins[1].check_password(PASSWORD)

    assert session.is_dead()


def test_a_new_password_forgets_the_failures_at_the_old_one(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_failures": 1}}
    session = log_in()
    user, laptop = stored(session), str(session.pair.device_id)
    for name, device in [(user.username, None), (user.email, None), (user.username, laptop)]:
        limits.note_failure(name, known_device=device)

    new_password(user)

    assert not limits.account_is_locked(user.username, known_device=None)
    assert not limits.account_is_locked(user.email, known_device=None)
    assert not limits.account_is_locked(user.username, known_device=laptop)


def test_a_new_password_that_rolls_back_forgets_no_failure(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_failures": 1}}
    user = UserFactory()
    limits.note_failure(user.username, known_device=None)

    with transaction.atomic():
        new_password(user)
        transaction.set_rollback(True)

    assert limits.account_is_locked(user.username, known_device=None)


def test_a_save_without_a_deciding_field_costs_no_query_of_ours(django_assert_num_queries):
    user = UserFactory()

    with django_assert_num_queries(1):
        user.save(update_fields=["last_login"])


def test_djangos_logout_ends_tokens_only_where_the_site_says_so(settings):
    session = log_in()
    user_logged_out.send(sender=get_user_model(), request=None, user=stored(session))
    before = session.accepts()
    settings.TOKENAUTH = {**settings.TOKENAUTH, "END_ON_LOGOUT": True}

    user_logged_out.send(sender=get_user_model(), request=None, user=stored(session))

    assert before
    assert session.show(session.pair.refresh_token) == Refused(Cause.ACCOUNT_CHANGED, session.family_id)


def test_in_autocommit_the_epoch_moves_before_the_row(monkeypatch):
    session = log_in()
    user = stored(session)
    user.set_password("another one")
    seen = []

    def watch(execute, sql, params, many, context):
        if 'UPDATE "auth_user"' in sql:
            seen.append(AccountState.objects.filter(epoch__gt=0).exists())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        user.save()

    assert seen == [True]
