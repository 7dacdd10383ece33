"""The guards for MariaDB and MySQL, where nothing guards against TRUNCATE but the right to DROP."""

from collections.abc import Mapping

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.audit.append_only.guards import REFUSED, Guard

FLUSHES = "DELETE"


def text(guard: Guard) -> str:
    """Return the trigger's body."""
    return f"IF NOT ({guard.unless}) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{REFUSED}'; END IF"


def create(guard: Guard) -> list[str]:
    """Return the statement that installs it."""
    return [f"CREATE TRIGGER {guard.name} BEFORE {guard.against} ON {guard.table} FOR EACH ROW {text(guard)}"]


def drop(guard: Guard) -> list[str]:
    """Return the statement that removes it, whether it is there or not."""
    return [f"DROP TRIGGER IF EXISTS {guard.name}"]


def installed(connection: BaseDatabaseWrapper, table: str) -> Mapping[str, str]:
    """Return the bodies of the table's triggers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT trigger_name, action_statement FROM information_schema.triggers "
            "WHERE event_object_schema = DATABASE() AND event_object_table = %s",
            [table],
        )
        return dict(cursor.fetchall())
