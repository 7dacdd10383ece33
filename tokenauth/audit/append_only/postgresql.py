"""The guards in PL/pgSQL, one for a statement and not for each row."""

from collections.abc import Mapping

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.audit.append_only.guards import REFUSED, Guard

FLUSHES = "TRUNCATE"


def text(guard: Guard) -> str:
    """Return the function's body."""
    return f"BEGIN IF NOT ({guard.unless}) THEN RAISE EXCEPTION '{REFUSED}'; END IF; RETURN NULL; END"


def create(guard: Guard) -> list[str]:
    """Return the statements that install it."""
    return [
        f"CREATE FUNCTION {guard.name}() RETURNS trigger LANGUAGE plpgsql AS $body${text(guard)}$body$",
        f"CREATE TRIGGER {guard.name} BEFORE {guard.against} ON {guard.table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {guard.name}()",
    ]


def drop(guard: Guard) -> list[str]:
    """Return the statement that removes it, whether it is there or not: a trigger goes with its function."""
    return [f"DROP FUNCTION IF EXISTS {guard.name}() CASCADE"]


def installed(connection: BaseDatabaseWrapper, table: str) -> Mapping[str, str]:
    """Return the bodies of the table's enabled triggers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE t.tgrelid = to_regclass(%s) AND t.tgenabled IN ('O', 'A')",
            [connection.ops.quote_name(table)],
        )
        return dict(cursor.fetchall())
