"""Scope and audience: what a login may be granted and what a refresh may narrow it to."""

import re
from collections.abc import Iterable

from tokenauth.errors import Cause, Refused

#: RFC 6749 3.3: %x21 / %x23-5B / %x5D-7E.
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")


def joined(values: Iterable[str]) -> str:
    """Return the stored form of a set of scopes or audiences: sorted, space-separated."""
    return " ".join(sorted(set(values)))


def scope_within(asked: str | None, granted: Iterable[str]) -> str | Refused:
    """Return the scope for a request: all that is granted, or the part that was asked for.

    Args:
        asked: Space-separated scopes, None or empty for all (RFC 6749 3.2).
        granted: What may be had at most.
    Returns:
        The scope in stored form, or `Refused(SCOPE)` when it would grow.
    """
    allowed = set(granted)
    if not asked:
        return joined(allowed)
    wanted = asked.split(" ")
    if not all(_SCOPE_TOKEN.match(token) for token in wanted) or not allowed.issuperset(wanted):
        return Refused(Cause.SCOPE)
    return joined(wanted)


def audience_within(asked: tuple[str, ...], granted: Iterable[str]) -> str | Refused:
    """Return the audience for a request: all that is granted, or the part that was asked for.

    Args:
        asked: Resource servers by identifier (RFC 8707 2); empty for all.
        granted: What may be had at most.
    Returns:
        The audience in stored form, or `Refused(AUDIENCE)` when it would grow.
    """
    allowed = set(granted)
    if not asked:
        return joined(allowed)
    if not allowed.issuperset(asked):
        return Refused(Cause.AUDIENCE)
    return joined(asked)
