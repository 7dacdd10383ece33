"""How tests read what a check found."""

from collections.abc import Iterable

from django.core.checks import CheckMessage


def ids(found: Iterable[CheckMessage]) -> list[str]:
    """The numbers of the findings, as E001."""
    return [str(message.id).removeprefix("tokenauth.") for message in found]
