"""W015: the guards of the trail."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError, connections

from tokenauth.audit import append_only
from tokenauth.checks.asked import of_our_tables
from tokenauth.checks.findings import warning
from tokenauth.models import TaskRun, TokenEvent
from tokenauth.tokens.keyring import database


@register(Tags.database)
def events_are_guarded(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W015: a slip can change or delete events; `tokenauth_audit verify` would still name it."""
    if not of_our_tables(databases) or not append_only.is_wanted():
        return []
    try:
        if not _has_tables() or append_only.is_current():
            return []
    except DatabaseError:
        return []
    text = "The triggers that keep the trail append-only are missing or of another release."
    return [warning("W015", text, mend="Run 'manage.py tokenauth_triggers install'.")]


def _has_tables() -> bool:
    there = set(connections[database()].introspection.table_names())
    return {TokenEvent._meta.db_table, TaskRun._meta.db_table} <= there
