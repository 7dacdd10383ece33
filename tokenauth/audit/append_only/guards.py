"""What is guarded against, in quoted names."""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.models.event import TokenEvent
from tokenauth.models.task import TaskRun

REFUSED = "the trail is append-only"


@dataclass(frozen=True, slots=True)
class Guard:
    """One trigger: against what, and the SQL condition under which it lets pass."""

    against: str
    table: str
    unless: str

    @property
    def name(self) -> str:
        return f"tokenauth_append_only_{self.against.lower()}"


def guards(connection: BaseDatabaseWrapper, *, opened_by: str) -> list[Guard]:
    """Return the guards of the events' table. Not every database can guard against TRUNCATE.

    Args:
        opened_by: The name whose row in `TaskRun` lets events be deleted.
    """
    quote = connection.ops.quote_name
    table, tasks = quote(TokenEvent._meta.db_table), quote(TaskRun._meta.db_table)
    is_open = f"EXISTS (SELECT 1 FROM {tasks} WHERE name = '{opened_by}')"  # noqa: S608 - quoted names
    found = [Guard("UPDATE", table, "false"), Guard("DELETE", table, is_open)]
    return [*found, Guard("TRUNCATE", table, "false")] if connection.vendor == "postgresql" else found
