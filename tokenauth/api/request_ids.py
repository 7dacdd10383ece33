"""The id by which a request is found again in logs: the client's or a new one."""

import re

from django.http import HttpRequest
from django.utils.crypto import get_random_string

_PRINTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def sent_id(request: HttpRequest) -> str | None:
    """Return the header X-Request-ID, None where it is absent or nothing to put into a log."""
    sent = str(request.META.get("HTTP_X_REQUEST_ID", ""))
    return sent if _PRINTABLE.match(sent) else None


def id_of(request: HttpRequest) -> str:
    """Return the id that a request brought, or a new one."""
    return sent_id(request) or get_random_string(22)
