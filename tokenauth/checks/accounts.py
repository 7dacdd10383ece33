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
    """W007: changes of an account by `update()` or raw SQL end no tokens."""
    if not of_our_tables(databases):
        return []
    reason = account_triggers.why_not()
    if reason is account_triggers.WhyNot.SETTING:
        return []
    if reason is not None:
        text = f"Only save() and delete() of a user end his tokens: {reason}."
        mend = "End tokens by flows.revoke() where accounts are changed otherwise, or set TRIGGERS to 'off'."
        return [warning("W007", text, mend=mend)]
    try:
        if not account_triggers.has_tables() or account_triggers.is_current():
            return []
    except DatabaseError:
        return []
    text = "The trigger by which a changed account ends its tokens is missing or of another release."
    return [warning("W007", text, mend="Run 'manage.py tokenauth_triggers install'.")]
