"""The two statements of a refresh: read everything that decides, then swap and log (PROTOCOL 1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col

from tokenauth import conf
from tokenauth.models import users
from tokenauth.models.account import AccountState, Site
from tokenauth.models.client import Client
from tokenauth.models.device import Device
from tokenauth.models.event import EventDetail, TokenEvent
from tokenauth.models.family import TokenFamily
from tokenauth.models.order import RevocationOrder
from tokenauth.models.prepared import Statement, run

Field: TypeAlias = "models.Field[Any, Any]"


@dataclass(frozen=True, slots=True)
class Facts:
    """What one SELECT read: the decision is a pure function of it."""

    family: TokenFamily
    client_id: str
    client_disabled_at: datetime | None
    client_epoch: int
    device_installation: str | None
    device_lost_at: datetime | None
    device_epoch: int
    account_epoch: int
    #: How the account looked when it was last stamped; None where nothing keeps it.
    fingerprint: bytes | None
    site_epoch: int
    issued_before: int | None
    #: With the deciding columns only; None where he is gone or lies in another database.
    user: models.Model | None


def read(family_id: UUID, *, using: str, user_fields: tuple[str, ...] = ()) -> Facts | None:
    """Return a family with all that decides about it. One query, and so one snapshot.

    The user's row is part of it where it lies in the same database.

    Args:
        user_fields: Further columns of the user's that are wanted.
    """
    connection = connections[using]
    plan = _reading(using, user_fields)
    parameter = TokenFamily._meta.get_field("id").get_db_prep_value(family_id, connection)
    with run(connection, plan.statement, [parameter]) as cursor:
        row = cursor.fetchone()
    return None if row is None else plan.facts(connection, row)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The SELECT and how its row becomes facts."""

    using: str
    statement: Statement
    columns: tuple[Col, ...]
    converters: tuple[tuple[int, tuple[Callable[..., Any], ...]], ...]
    family_names: tuple[str, ...]
    user_names: tuple[str, ...]
    user_pk: str

    def facts(self, connection: BaseDatabaseWrapper, raw: Sequence[Any]) -> Facts:
        row = list(raw)
        for place, converters in self.converters:
            for convert in converters:
                row[place] = convert(row[place], self.columns[place], connection)
        size = len(self.family_names)
        family = TokenFamily.from_db(self.using, self.family_names, row[:size])
        (client_id, disabled_at, client_epoch, installation, lost_at, device_epoch) = row[size : size + 6]
        account_epoch, fingerprint, site_epoch, issued_before = row[size + 6 : size + 10]
        return Facts(
            family=family,
            client_id=client_id,
            client_disabled_at=disabled_at,
            client_epoch=client_epoch,
            device_installation=installation,
            device_lost_at=lost_at,
            device_epoch=device_epoch,
            account_epoch=account_epoch or 0,
            fingerprint=None if fingerprint is None else bytes(fingerprint),
            site_epoch=site_epoch or 0,
            issued_before=issued_before,
            user=self._user(row[size + 10 :]),
        )

    def _user(self, values: Sequence[Any]) -> models.Model | None:
        if not values or values[self.user_names.index(self.user_pk)] is None:
            return None
        return get_user_model().from_db(self.using, self.user_names, values)


@conf.until_settings_change
def _reading(using: str, user_fields: tuple[str, ...]) -> _Reading:
    connection = connections[using]
    columns = [field.get_col("f") for field in TokenFamily._meta.concrete_fields]
    columns += _columns(Client, "c", "client_id", "disabled_at", "epoch")
    columns += _columns(Device, "d", "installation", "lost_at", "epoch")
    columns += _columns(AccountState, "a", "epoch", "fingerprint")
    columns += _columns(Site, "s", "epoch", "issued_before")
    deciding = users.deciding_columns(*user_fields) if users.database() == using else ()
    tables = list(dict.fromkeys(column.table for column in deciding))
    columns += [column.field.get_col(f"u{tables.index(column.table)}") for column in deciding]
    selected = ", ".join(_quoted(connection, column) for column in columns)
    sql = f"SELECT {selected} {_joins(connection, using, tables)}"
    converters = [
        (place, (*connection.ops.get_db_converters(column), *column.get_db_converters(connection)))
        for place, column in enumerate(columns)
    ]
    return _Reading(
        using=using,
        statement=Statement.of(sql, [str(TokenFamily._meta.get_field("id").db_type(connection))]),
        columns=tuple(columns),
        converters=tuple((place, found) for place, found in converters if found),
        family_names=tuple(field.attname for field in TokenFamily._meta.concrete_fields),
        user_names=tuple(column.field.attname for column in deciding),
        user_pk=users.pk_attribute(),
    )


def _columns(model: type[models.Model], alias: str, *names: str) -> list[Col]:
    return [_field(model, name).get_col(alias) for name in names]


def _field(model: type[models.Model], name: str) -> Field:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)  # noqa: S101 - for the type checker
    return field


def _quoted(connection: BaseDatabaseWrapper, column: Col) -> str:
    quote = connection.ops.quote_name
    return f"{quote(column.alias)}.{quote(str(column.target.column))}"


def _joins(connection: BaseDatabaseWrapper, using: str, user_tables: list[str]) -> str:
    quote = connection.ops.quote_name

    def table(model: type[models.Model]) -> str:
        return quote(model._meta.db_table)

    users_sql = "".join(
        f" LEFT JOIN {quote(name)} u{place} ON u{place}.{quote(users.pk_column(name))} = "
        f"CAST(f.user_key AS {users.pk_cast(using)})"
        for place, name in enumerate(user_tables)
    )
    return (
        f"FROM {table(TokenFamily)} f "
        f"JOIN {table(Client)} c ON c.id = f.client_id "
        f"JOIN {table(Device)} d ON d.id = f.device_id "
        f"LEFT JOIN {table(AccountState)} a ON a.user_key = f.user_key "
        f"LEFT JOIN {table(Site)} s ON s.id = 1"
        f"{users_sql} WHERE f.id = %s"
    )


@dataclass(frozen=True, slots=True)
class Raw:
    """A column's new value that the row itself computes."""

    sql: str
    #: A value that the SQL refers to as `%s`, of the column's type.
    value: Any = None


@dataclass(frozen=True, slots=True)
class Write:
    """What a verdict writes: the family's changes, its event, and the orders that go with it."""

    changes: dict[str, Any]
    event: TokenEvent
    detail: EventDetail | None = None
    order: RevocationOrder | None = None
    #: Columns that must still be as seen, besides the position.
    guards: dict[str, Any] = field(default_factory=dict)


def swap(seen: TokenFamily, write: Write, *, using: str) -> bool:
    """Write, if the row still is what was seen. True for exactly one caller.

    One query in autocommit on PostgreSQL; a transaction of up to four elsewhere. Nothing waits for a
    lock: a row that another holds counts as moved.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        return _swapped_in_one_statement(connection, seen, write)
    with transaction.atomic(using=using, durable=not connection.in_atomic_block):
        if not _is_free(connection, seen, write) or not _updated(connection, seen, write):
            return False
        write.event.save(using=using, force_insert=True)
        if write.detail is not None:
            write.detail.event = write.event
            write.detail.save(using=using, force_insert=True)
        if write.order is not None:
            write.order.save(using=using, force_insert=True)
    return True


def lock(family_id: UUID, *, using: str) -> bool:
    """Lock a family until commit, so that the next read is of a row that stays; False: it is gone."""
    locked = TokenFamily.objects.using(using).filter(pk=family_id)
    match connections[using].vendor:
        case "postgresql":
            locked = locked.select_for_update(no_key=True)
        case "mysql":  # its lock timeout counts in seconds, by default 50
            locked = locked.select_for_update(nowait=True)
    return locked.values_list("pk", flat=True).first() is not None


def _guards(seen: TokenFamily, write: Write) -> dict[str, Any]:
    return {
        "id": seen.id,
        "generation": seen.generation,
        "branches": seen.branches,
        "ep_user": seen.ep_user,
        **write.guards,
    }


class _Parameters:
    """Collects parameters and their types while SQL is put together."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.values: list[Any] = []
        self.types: list[str] = []

    def mark(self, field: Field, value: Any) -> str:
        self.values.append(field.get_db_prep_save(value, self.connection))
        type_ = _type(field, self.connection.alias)
        self.types.append(type_)
        # NULL has no type of its own in a SELECT list
        return f"CAST(%s AS {type_})" if self.connection.vendor == "postgresql" else "%s"


@conf.until_settings_change
def _type(field: Field, using: str) -> str:
    connection = connections[using]
    return str(field.rel_db_type(connection) if field.primary_key else field.db_type(connection))


def _assignments(connection: BaseDatabaseWrapper, changes: dict[str, Any], parameters: _Parameters) -> str:
    quote = connection.ops.quote_name
    parts = []
    for name, value in changes.items():
        field = _field(TokenFamily, name)
        if isinstance(value, Raw):
            sql = value.sql
            if "%s" in sql:
                sql = sql.replace("%s", parameters.mark(field, value.value))
        else:
            sql = parameters.mark(field, value)
        parts.append(f"{quote(str(field.column))} = {sql}")
    return ", ".join(parts)


def _where(connection: BaseDatabaseWrapper, seen: TokenFamily, write: Write, parameters: _Parameters) -> str:
    quote = connection.ops.quote_name
    guarded = [(_field(TokenFamily, name), value) for name, value in _guards(seen, write).items()]
    guards = [f"{quote(str(field.column))} = {parameters.mark(field, value)}" for field, value in guarded]
    return " AND ".join([*guards, f"{quote('revoked_at')} IS NULL"])


def _is_free(connection: BaseDatabaseWrapper, seen: TokenFamily, write: Write) -> bool:
    if not connection.features.has_select_for_update_skip_locked:
        return True
    rows = TokenFamily.objects.using(connection.alias).filter(revoked_at=None, **_guards(seen, write))
    return rows.select_for_update(skip_locked=True).values_list("pk", flat=True).first() is not None


def _updated(connection: BaseDatabaseWrapper, seen: TokenFamily, write: Write) -> bool:
    parameters = _Parameters(connection)
    table = connection.ops.quote_name(TokenFamily._meta.db_table)
    assignments = _assignments(connection, write.changes, parameters)
    where = _where(connection, seen, write, parameters)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {assignments} WHERE {where}", parameters.values)  # noqa: S608
        return bool(cursor.rowcount == 1)


def _swapped_in_one_statement(connection: BaseDatabaseWrapper, seen: TokenFamily, write: Write) -> bool:
    parameters = _Parameters(connection)
    table = connection.ops.quote_name(TokenFamily._meta.db_table)
    assignments = _assignments(connection, write.changes, parameters)
    where = _where(connection, seen, write, parameters)
    # SKIP LOCKED: else a site's transaction that touches the family holds every refresh of it
    sql = (
        f"WITH swapped AS (UPDATE {table} f SET {assignments} FROM "  # noqa: S608 - only quoted names
        f"(SELECT id AS seen_id FROM {table} WHERE {where} FOR NO KEY UPDATE SKIP LOCKED) s "
        f"WHERE f.id = s.seen_id RETURNING f.id), "
        f"event AS ({_insert(connection, write.event, parameters, source='swapped')} RETURNING id)"
    )
    if write.detail is not None:
        sql += f", detail AS ({_insert(connection, write.detail, parameters, source='event')})"
    if write.order is not None:
        sql += f", ordered AS ({_insert(connection, write.order, parameters, source='swapped')})"
    sql += " SELECT count(*) FROM swapped"
    with run(connection, Statement.of(sql, parameters.types), parameters.values) as cursor:
        return bool(cursor.fetchone()[0])


def _insert(
    connection: BaseDatabaseWrapper, row: models.Model, parameters: _Parameters, *, source: str
) -> str:
    quote = connection.ops.quote_name
    names, values = [], []
    for column in row._meta.concrete_fields:
        if isinstance(column, models.AutoField):
            continue
        names.append(quote(str(column.column)))
        if column.primary_key:  # a detail's key is its event's
            values.append(f"{source}.id")
        else:
            values.append(parameters.mark(column, getattr(row, column.attname)))
    table = quote(row._meta.db_table)
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {source}"  # noqa: S608
