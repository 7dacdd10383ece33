"""What the trigger watches and where it writes, in quoted names."""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.models import users
from tokenauth.models.account import AccountState
from tokenauth.models.order import RevocationOrder
from tokenauth.models.upgrade import PasswordUpgrade

NAME = "tokenauth_account_changed"


@dataclass(frozen=True, slots=True)
class Target:
    """Quoted names, but for `bare_table`: the table of the user's that holds his password."""

    table: str
    bare_table: str
    pk: str
    password: str
    #: Columns of the same table whose change ends tokens: is_active and what the site names.
    watched: tuple[str, ...]
    accounts: str
    orders: str
    upgrades: str


def target(connection: BaseDatabaseWrapper) -> Target:
    """Return the target on a connection. A multi-table user's password lies in his parent's table."""
    quote = connection.ops.quote_name
    password = get_user_model()._meta.get_field("password")
    assert isinstance(password, models.Field)  # noqa: S101 - for the type checker
    table = password.model._meta.db_table
    return Target(
        table=quote(table),
        bare_table=table,
        pk=quote(users.pk_column(table)),
        password=quote(str(password.column)),
        watched=tuple(quote(name) for name in watched_fields().values()),
        accounts=quote(AccountState._meta.db_table),
        orders=quote(RevocationOrder._meta.db_table),
        upgrades=quote(PasswordUpgrade._meta.db_table),
    )


def watched_fields() -> dict[str, str]:
    """Return the fields besides the password that lie in its table, with their columns."""
    meta = get_user_model()._meta
    holder = meta.get_field("password").model
    fields = {name: meta.get_field(name) for name in users.credential_fields() if name != "password"}
    return {
        name: str(field.column)
        for name, field in fields.items()
        if isinstance(field, models.Field) and field.model is holder
    }
