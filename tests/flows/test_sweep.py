"""The sweep: what changed unseen ends within the hour, whoever refreshes or does not."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone

from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.flows.housekeeping import sweep as module
from tokenauth.flows.housekeeping.batches import Allowance
from tokenauth.flows.housekeeping.sweep import NAME, sweep
from tokenauth.models import AccountState, RevocationOrder, TaskRun, TokenEvent
from tokenauth.models.event import EventKind
from tokenauth.models.order import OrderKind
from tokenauth.models.users import key_of

pytestmark = pytest.mark.django_db

BY_PASSWORD = {"password": make_password("another one")}


def swept() -> int:
    return sweep(timezone.now())


def update(session, **changes) -> None:
    get_user_model().objects.filter(pk=session.user.pk).update(**changes)


def delete_by_sql(session) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user WHERE id = %s", [session.user.pk])


@pytest.mark.parametrize(
    "change",
    [
        lambda session: update(session, **BY_PASSWORD),
        lambda session: update(session, is_active=False),
        delete_by_sql,
    ],
    ids=["password", "deactivated", "deleted"],
)
def test_an_account_that_changed_unseen_loses_its_tokens_once(change):
    session, other = log_in(), log_in()
    change(session)

    assert (swept(), swept()) == (1, 0)

    assert not session.accepts()
    assert other.accepts()
    assert RevocationOrder.objects.filter(kind=OrderKind.USER, key=key_of(session.user)).count() == 1
    event = TokenEvent.objects.get(kind=EventKind.REVOKED, user_key=key_of(session.user))
    assert event.actor == module.ACTOR


def test_nobody_else_loses_anything():
    session = log_in()
    update(session, last_name="Byron")

    assert swept() == 0
    assert session.refresh()


def test_an_account_that_was_never_stamped_is_from_now_on():
    session = log_in()
    AccountState.objects.forget_looks()

    first = swept()
    update(session, **BY_PASSWORD)

    assert (first, swept()) == (0, 1)


def test_an_account_without_a_live_session_is_not_looked_at():
    session = log_in()
    session.user.set_password("another one")
    session.user.save()
    update(session, is_active=False)

    assert swept() == 0


def test_a_backend_that_lets_everybody_in_is_asked(settings):
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "django.contrib.auth.backends.AllowAllUsersModelBackend",
    ]
    session = log_in()
    family = session.family
    family.backend = settings.AUTHENTICATION_BACKENDS[1]
    family.save(update_fields=["backend"])
    update(session, is_active=False)
    AccountState.objects.forget_looks()

    assert swept() == 0
    assert session.accepts()


def test_a_backend_that_is_gone_lets_nobody_in(settings):
    session = log_in()
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]

    assert swept() == 1
    assert not session.accepts()


def test_a_run_goes_on_where_the_one_before_stopped(monkeypatch):
    monkeypatch.setattr(module, "SIZE", 2)
    for _ in range(5):
        update(log_in(), **BY_PASSWORD)
    TaskRun.objects.create(name=NAME)
    ended, finished = [], []
    for _ in range(3):
        allowance = Allowance(batches=1)
        ended.append(sweep(timezone.now(), allowance))
        finished.append(not allowance.left_over)

    assert ended == [2, 2, 1]
    assert finished == [False, False, True]
    assert TaskRun.objects.get(name=NAME).position == ""


def test_a_change_is_found_once_the_trigger_is_not_there_and_not_before(triggers):
    session = log_in()

    assert AccountState.objects.get(pk=key_of(session.user)).fingerprint is None
    assert swept() == 0


def test_three_queries_look_at_many(django_assert_num_queries):
    for _ in range(3):
        log_in(UserFactory())
    TaskRun.objects.create(name=NAME)
    swept()

    with django_assert_num_queries(5):  # and the position, read and kept
        swept()
