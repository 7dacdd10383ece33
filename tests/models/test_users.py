"""A user's key: what families, epochs and `sub` call him, whatever the site's user model."""

import uuid

import pytest
from django.contrib.auth.models import AbstractBaseUser, AbstractUser
from django.db import connection, models
from django.test.utils import isolate_apps

from tests.factories import UserFactory
from tokenauth.models import users


@pytest.fixture
def user_model(monkeypatch):
    """Makes a model the site's user model, for `users` alone."""

    def use(model: type[models.Model]) -> type[models.Model]:
        monkeypatch.setattr(users, "get_user_model", lambda: model)
        return model

    return use


@pytest.fixture
def by_uuid(user_model):
    with isolate_apps("tests"):

        class Person(AbstractBaseUser):
            id = models.UUIDField(primary_key=True, default=uuid.uuid4)

            class Meta:
                app_label = "tests"

    return user_model(Person)


class TestIntegers:
    @pytest.mark.django_db
    def test_a_key_is_the_number_and_back(self):
        user = UserFactory()

        assert users.key_of(user) == str(user.pk)
        assert users.pk_of(users.key_of(user)) == user.pk
        assert users.stored(users.key_of(user)) == user

    @pytest.mark.django_db
    @pytest.mark.parametrize("key", ["", "abc", "1.5", str(uuid.uuid4())])
    def test_what_is_no_number_is_nobody(self, key):
        assert users.pk_of(key) is None
        assert users.stored(key) is None

    @pytest.mark.django_db
    def test_nobody_has_an_unused_number(self):
        assert users.stored("999999") is None

    def test_the_key_is_cast_to_the_type_of_the_column(self):
        assert "int" in users.pk_cast("default").lower()

    def test_key_and_activity_decide(self):
        assert [column.field.attname for column in users.deciding_columns()] == ["id", "is_active"]


class TestUuids:
    ID = uuid.UUID("01930000-0000-7000-8000-0000000000aa")

    def test_a_key_is_what_the_database_stores(self, by_uuid):
        stored = str(self.ID) if connection.features.has_native_uuid_field else self.ID.hex

        assert users.key_of(by_uuid(id=self.ID)) == users.key_of_pk(self.ID) == stored

    @pytest.mark.parametrize("spelled", [str(ID), ID.hex])
    def test_a_key_is_read_however_the_database_spells_it(self, by_uuid, spelled):
        assert users.pk_of(spelled) == self.ID

    @pytest.mark.parametrize("key", ["", "7", "no-uuid"])
    def test_what_is_no_uuid_is_nobody(self, by_uuid, key):
        assert users.pk_of(key) is None
        assert users.stored(key) is None

    def test_a_model_without_a_column_for_activity_has_only_its_key_to_decide(self, by_uuid):
        assert users.is_active_column() is None
        assert [column.field.attname for column in users.deciding_columns()] == ["id"]


class TestChildTables:
    @pytest.fixture
    def child(self, user_model):
        with isolate_apps("tests"):

            class Parent(AbstractUser):
                groups = None
                user_permissions = None

                class Meta:
                    app_label = "tests"

            class Employee(Parent):
                number = models.IntegerField()

                class Meta:
                    app_label = "tests"

        return user_model(Employee)

    def test_the_key_is_the_parents(self, child):
        assert users.key_of(child(id=7, parent_ptr_id=7)) == "7"
        assert users.pk_of("7") == 7

    def test_what_decides_lies_in_two_tables(self, child):
        columns = users.deciding_columns()

        assert [column.table for column in columns] == ["tests_parent", "tests_employee"]
        assert [users.pk_column(column.table) for column in columns] == ["id", "parent_ptr_id"]

    def test_a_table_of_somebody_elses_is_an_error(self, child):
        with pytest.raises(LookupError):
            users.pk_column("auth_user")
