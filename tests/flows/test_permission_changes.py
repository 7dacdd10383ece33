"""Where a site asks for it, gaining or losing a permission ends the tokens of whom it concerns."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.flows.revoke import revoke_accounts
from tokenauth.models import AccountState, RevocationOrder, TokenEvent
from tokenauth.models.order import OrderKind
from tokenauth.models.users import key_of
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers.target import watched_fields

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked_for(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "END_ON_PERMISSION_CHANGE": True}


@pytest.fixture
def world():
    """Ada is an editor; an editor may add users. Bob is nothing."""
    return World()


class World:
    def __init__(self) -> None:
        self.ada, self.bob = UserFactory(), UserFactory()
        self.editors, self.writers = (
            Group.objects.create(name="editors"),
            Group.objects.create(name="writers"),
        )
        self.may_add, self.may_view = Permission.objects.filter(content_type__app_label="auth")[:2]
        self.editors.permissions.add(self.may_add)
        self.ada.groups.add(self.editors)
        self.ada.user_permissions.add(self.may_view)
        self.adas, self.bobs = log_in(self.ada), log_in(self.bob)

    def who_lost(self) -> set[str]:
        sessions = {"ada": self.adas, "bob": self.bobs}
        return {name for name, session in sessions.items() if not session.accepts()}


@pytest.mark.parametrize(
    ("change", "whom"),
    [
        (lambda w: w.ada.groups.add(w.writers), {"ada"}),
        (lambda w: w.ada.groups.remove(w.editors), {"ada"}),
        (lambda w: w.ada.groups.set([]), {"ada"}),
        (lambda w: w.ada.groups.clear(), {"ada"}),
        (lambda w: w.editors.user_set.add(w.bob), {"bob"}),
        (lambda w: w.editors.user_set.remove(w.ada), {"ada"}),
        (lambda w: w.editors.user_set.clear(), {"ada"}),
        (lambda w: w.bob.user_permissions.add(w.may_view), {"bob"}),
        (lambda w: w.ada.user_permissions.remove(w.may_view), {"ada"}),
        (lambda w: w.may_view.user_set.clear(), {"ada"}),
        (lambda w: w.may_view.user_set.add(w.bob), {"bob"}),
        (lambda w: w.editors.permissions.add(w.may_view), {"ada"}),
        (lambda w: w.editors.permissions.clear(), {"ada"}),
        (lambda w: w.may_add.group_set.remove(w.editors), {"ada"}),
        (lambda w: w.may_add.group_set.clear(), {"ada"}),
        (lambda w: w.editors.delete(), {"ada"}),
        (lambda w: Group.objects.filter(name="editors").delete(), {"ada"}),
        (lambda w: set_and_save(w.bob, is_staff=True), {"bob"}),
        (lambda w: set_and_save(w.bob, is_superuser=True), {"bob"}),
    ],
)
def test_a_change_ends_the_tokens_of_whom_it_concerns(world, change, whom):
    change(world)

    assert world.who_lost() == whom


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.ada.groups.add(w.editors),
        lambda w: w.writers.permissions.add(w.may_add),
        lambda w: w.writers.user_set.clear(),
        lambda w: w.writers.delete(),
        lambda w: set_and_save(w.bob, last_name="Byron"),
    ],
)
def test_what_changes_nothing_for_anybody_ends_nothing(world, change):
    change(world)

    assert world.who_lost() == set()


def test_it_is_undone_with_the_change(world):
    with transaction.atomic():
        world.ada.groups.clear()
        transaction.set_rollback(True)

    assert world.who_lost() == set()


def test_a_site_that_does_not_ask_keeps_its_sessions(world, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "END_ON_PERMISSION_CHANGE": False}

    world.ada.groups.clear()
    world.editors.delete()
    set_and_save(world.bob, is_staff=True)

    assert world.who_lost() == set()


def test_the_trigger_sees_the_columns(triggers, world):
    assert watched_fields().keys() >= {"is_staff", "is_superuser"}
    account_triggers.install()

    type(world.bob).objects.filter(pk=world.bob.pk).update(is_superuser=True)

    assert world.who_lost() == {"bob"}


class TestManyAccounts:
    def test_each_loses_its_tokens_with_an_order_and_an_event(self):
        sessions = [log_in() for _ in range(3)]
        keys = [key_of(session.user) for session in sessions]
        AccountState.objects.filter(pk=keys[1]).update(epoch=5)

        assert revoke_accounts([*keys, keys[0]], actor="me") == 3

        assert not any(session.accepts() for session in sessions)
        orders = RevocationOrder.objects.filter(kind=OrderKind.USER)
        assert dict(orders.values_list("key", "floor")) == dict(zip(keys, [1, 6, 1], strict=True))
        assert TokenEvent.objects.filter(user_key__in=keys, actor="me").count() == 3

    def test_the_statements_do_not_grow_with_them(self, django_assert_max_num_queries):
        keys = [key_of(log_in().user) for _ in range(12)]

        with django_assert_max_num_queries(9 + len(keys)):  # each order's number is one
            revoke_accounts(keys)

    def test_one_without_a_row_gets_one(self):
        assert revoke_accounts(["nobody"]) == 1
        assert AccountState.objects.get(pk="nobody").epoch == 1


def set_and_save(user, **changes):
    for name, value in changes.items():
        setattr(user, name, value)
    user.save()
