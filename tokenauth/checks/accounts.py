"""W007: changes of accounts."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError

from tokenauth.checks.asked import of_our_tables
from tokenauth.checks.findings import warning
from tokenauth.revocation import account_triggers


@register(Tags.database)
def account_changes_are_seen(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W007: a change by `update()` or raw SQL does not end tokens in its own commit."""
    if not of_our_tables(databases):
        return []
    reason = account_triggers.why_not()
    if reason is account_triggers.WhyNot.SETTING:
        return []
    if reason is not None:
        text = f"What update() or SQL changes of a user ends his tokens only at his next refresh: {reason}."
        mend = "Call flows.revoke() where accounts are changed so, or accept it: set TRIGGERS to 'off'."
        return [warning("W007", text, mend=mend)]
    try:
        if not account_triggers.has_tables() or account_triggers.is_current():
            return []
    except DatabaseError:
        return []
    text = "The trigger by which a changed account ends its tokens is missing or of another release."
    return [warning("W007", text, mend="Run 'manage.py tokenauth_triggers install'.")]
