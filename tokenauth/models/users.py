"""The site's user model as tokenauth sees it: a key that outlives the row, and the columns that decide."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connections, models, router

from tokenauth import conf


def database() -> str:
    """Return the alias that holds the users; always the primary."""
    return router.db_for_write(get_user_model())


def key_of(user: AbstractBaseUser | models.Model) -> str:
    """Return a user's key: what families, epochs and the `sub` claim call him."""
    return key_of_pk(user.pk)


def key_of_pk(pk: Any) -> str:
    """Return the user key of a primary key."""
    field = _pk_field()
    return str(field.get_db_prep_value(pk, connections[database()]))


def pk_of(user_key: str) -> Any:
    """Return the primary key that a user key stands for; None where it can be no key at all."""
    try:
        return _pk_field().to_python(user_key)
    except ValidationError:
        return None


def stored(user_key: str) -> AbstractBaseUser | None:
    """Return the user as the primary database has him, whatever managers hide. One query."""
    pk = pk_of(user_key)
    if pk is None:
        return None
    found = get_user_model()._base_manager.using(database()).filter(pk=pk).first()
    assert found is None or isinstance(found, AbstractBaseUser)  # noqa: S101 - for the type checker
    return found


def is_active_column() -> "models.Field[Any, Any] | None":
    """Return the field `is_active`, None where it is a property or nothing at all."""
    return _column("is_active")


def credential_fields() -> tuple[str, ...]:
    """Return the fields of the user model whose change ends his tokens, the password first.

    Those that a site names or asks for count where they are columns.
    """
    ours = conf.current()
    permissions = ("is_staff", "is_superuser") if ours.END_ON_PERMISSION_CHANGE else ()
    named = dict.fromkeys(("password", "is_active", *permissions, *ours.TRIGGER_COLUMNS))
    return tuple(name for name in named if _column(name) is not None)


@dataclass(frozen=True, slots=True)
class DecidingColumn:
    """A column of the user's that decides whether he may go on."""

    table: str
    field: "models.Field[Any, Any]"


def deciding_columns(*also: str) -> tuple[DecidingColumn, ...]:
    """Return the primary key, is_active where it is a column, and further ones, with their tables.

    In the order of the model's fields, which `Model.from_db` wants.
    """
    meta = get_user_model()._meta
    named = {"is_active", *also}
    fields = [field for field in meta.concrete_fields if field == meta.pk or field.name in named]
    return tuple(DecidingColumn(field.model._meta.db_table, field) for field in fields)


def pk_attribute() -> str:
    """Return the name under which an instance of the user model holds its primary key."""
    pk = get_user_model()._meta.pk
    assert pk is not None  # noqa: S101 - every model has one
    return pk.attname


def pk_cast(alias: str) -> str:
    """Return the SQL type that a user key is cast to before it meets the primary key."""
    return str(_pk_field().cast_db_type(connections[alias]))


def pk_column(table: str) -> str:
    """Return the column by which a table of the user model's inheritance chain is keyed."""
    user = get_user_model()
    for model in [user, *user._meta.get_parent_list()]:
        if model._meta.db_table == table and model._meta.pk is not None:
            return str(model._meta.pk.column)
    raise LookupError(table)


def _column(name: str) -> "models.Field[Any, Any] | None":
    try:
        field = get_user_model()._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) and field.concrete else None


def _pk_field() -> "models.Field[Any, Any]":
    field = get_user_model()._meta.pk
    # a multi-table child's key is its parent's
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    assert field is not None  # noqa: S101 - every model has one
    return field
