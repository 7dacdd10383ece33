"""System checks: each says what is wrong and how to mend it. Ids are never used twice."""

from tokenauth.checks import (
    accounts,
    authentication,
    bridges,
    database,
    housekeeping,
    keys,
    limits,
    notifiers,
    policies,
    second_steps,
    settings,
    trail,
    transport,
    user_admins,
)

__all__ = [
    "accounts",
    "authentication",
    "bridges",
    "database",
    "housekeeping",
    "keys",
    "limits",
    "notifiers",
    "policies",
    "second_steps",
    "settings",
    "trail",
    "transport",
    "user_admins",
]
