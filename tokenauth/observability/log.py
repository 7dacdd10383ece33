"""The security log: one line an incident, causes told apart, never a token, secret or password."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

_LOG = logging.getLogger("tokenauth.security")
_REQUEST_ID: ContextVar[str | None] = ContextVar("tokenauth_request_id", default=None)

Fact = str | int | float | UUID | None


def _printable(value: Fact) -> str:
    # what a stranger sent must not forge a second line
    return ascii(str(value))[1:-1].replace(" ", "\\x20")[:200]


@contextmanager
def during(request_id: str) -> Iterator[None]:
    """Name the request in every line that is written meanwhile, as `request_id`."""
    before = _REQUEST_ID.set(request_id)
    try:
        yield
    finally:
        _REQUEST_ID.reset(before)


def note(what: str, *, level: int = logging.INFO, **facts: Fact) -> None:
    """Write a line `what key=value ...` to the logger `tokenauth.security`.

    Args:
        what: The incident, in the words of REFERENCE T6 and T7.
        level: Level of the standard library's logging.
        facts: Identifiers and causes; None is left out. `request_id` is added where one is known.
    """
    facts.setdefault("request_id", _REQUEST_ID.get())
    pairs = " ".join(f"{name}={_printable(value)}" for name, value in facts.items() if value is not None)
    _LOG.log(level, "%s %s", what, pairs, extra={"tokenauth": {"what": what, **facts}})
