"""F09: a change through a proxy or a child of the user model is a change of the user."""

import pytest
from django.contrib.auth.models import User
from django.db import connection, models

from tests.sessions import log_in
from tokenauth.errors import Refused

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("employees", "both_modes"),
]


class Staff(User):
    class Meta:
        proxy = True
        app_label = "auth"


class Employee(User):
    number = models.IntegerField(default=0)

    class Meta:
        app_label = "field_cases"


@pytest.fixture
def employees(transactional_db):
    with connection.schema_editor() as editor:
        editor.create_model(Employee)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Employee)


def through_a_proxy(user):
    return Staff.objects.get(pk=user.pk)


def through_a_child(user):
    child = Employee(user_ptr_id=user.pk)
    child.__dict__.update({f.attname: getattr(user, f.attname) for f in User._meta.concrete_fields})
    child.save_base(raw=True)
    return Employee.objects.get(pk=user.pk)


def new_password(user):
    user.set_password("another one")
    user.save()


def deactivated(user):
    user.is_active = False
    user.save()


def deleted(user):
    user.delete()


@pytest.mark.parametrize("change", [new_password, deactivated, deleted])
@pytest.mark.parametrize("loaded", [through_a_proxy, through_a_child])
def test_it_ends_the_tokens(loaded, change):
    session = log_in()
    user = loaded(User.objects.get(pk=session.user.pk))
    assert session.accepts()

    change(user)

    assert not session.accepts()
    assert isinstance(session.show(session.pair.refresh_token), Refused)
