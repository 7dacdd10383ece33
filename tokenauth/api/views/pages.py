"""Lists in pages: fifty a page, newest first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from tokenauth.api.parameters import BadRequest
from tokenauth.tokens.claims import is_uuid

SIZE = 50

_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[_Row]):
    """Some rows, and where the next ones are."""

    rows: list[_Row]
    next: str | None


def page_of(rows: QuerySet[_Row], request: Request) -> Page[_Row]:
    """Return the page that the query parameter `cursor` names. One query.

    The rows' keys are UUIDv7, which sort by time: the cursor is the key of the last row shown, and a
    row that is gone leaves no hole.

    Raises:
        BadRequest: The cursor is none of ours.
    """
    cursor = request.query_params.get("cursor")
    if cursor:
        if not is_uuid(cursor):
            raise BadRequest
        rows = rows.filter(pk__lt=UUID(cursor))
    found = list(rows.order_by("-pk")[: SIZE + 1])
    shown = found[:SIZE]
    if len(found) <= SIZE:
        return Page(shown, None)
    return Page(shown, request.build_absolute_uri(f"{request.path}?{urlencode({'cursor': shown[-1].pk})}"))


def uuid_of(text: str) -> UUID | None:
    """Return the id in a path; None where it can be nobody's, another spelling of one included."""
    return UUID(text) if is_uuid(text) else None


def time_of(second: float) -> str:
    """Return a moment as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(int(second), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
