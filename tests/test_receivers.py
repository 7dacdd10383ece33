"""An account that changes ends its tokens, whoever saves it."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.signals import user_logged_out
from django.db import connection, transaction

from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.errors import Cause, Refused
from tokenauth.models import AccountState, RevocationOrder, users

pytestmark = pytest.mark.django_db(transaction=True)


def stored(session):
    return get_user_model().objects.get(pk=session.user.pk)


def is_dead(session) -> bool:
    return not session.accepts() and isinstance(session.show(session.pair.refresh_token), Refused)


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


@pytest.mark.parametrize("change", [new_password, new_hash, deactivated, no_password])
def test_a_change_ends_the_tokens(change):
    session, bystander = log_in(), log_in()

    change(stored(session))

    assert is_dead(session)
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

    assert is_dead(session)
    assert AccountState.objects.get(user_key=users.key_of(again)).epoch > 0
    assert log_in(again).accepts()


def test_a_user_who_is_active_again_finds_his_old_tokens_dead():
    session = log_in()
    deactivated(stored(session))
    user = stored(session)
    user.is_active = True
    user.save()

    assert is_dead(session)
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
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    user = stored(session)

    assert user.check_password("correct horse battery staple")

    assert stored(session).password.startswith("pbkdf2_sha256$")
    assert session.accepts()
    assert session.refresh()


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
