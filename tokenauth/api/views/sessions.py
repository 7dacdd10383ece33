"""sessions/: the user sees and ends his own sessions."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api.views.account import AccountEndpoint, client_members, rounded
from tokenauth.errors import Refused
from tokenauth.flows import sessions
from tokenauth.flows.sessions import Ended
from tokenauth.models.family import TokenFamily


class SessionPages(CursorPagination):
    """Fifty a page, newest first."""

    page_size = 50
    ordering = ("-created_at", "-id")

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})


class SessionsView(AccountEndpoint):
    """GET sessions/"""

    def get(self, request: Request) -> Response:
        claims = self.claims(request)
        pages = SessionPages()
        page = pages.paginate_queryset(sessions.standing(claims.sub), request, view=self) or []
        return pages.get_paginated_response([_members(family, claims.sid) for family in page])


class SessionView(AccountEndpoint):
    """DELETE sessions/{id}/"""

    def delete(self, request: Request, session_id: str) -> Response:
        outcome = sessions.end_one(UUID(session_id), owner=self.owner(request))
        return self.refuse(outcome) if isinstance(outcome, Refused) else Response(status=204)


class RevokeOthersView(AccountEndpoint):
    """POST sessions/revoke-others/"""

    def post(self, request: Request) -> Response:
        return _ended(self, sessions.end_others(owner=self.owner(request)))


class RevokeAllView(AccountEndpoint):
    """POST sessions/revoke-all/"""

    def post(self, request: Request) -> Response:
        return _ended(self, sessions.end_all(owner=self.owner(request)))


def _ended(view: AccountEndpoint, outcome: Ended | Refused) -> Response:
    return view.refuse(outcome) if isinstance(outcome, Refused) else Response({"ended": outcome.sessions})


def _members(family: TokenFamily, current: UUID) -> dict[str, Any]:
    device = family.device
    return {
        "id": str(family.id),
        "current": family.id == current,
        "client": client_members(family.client),
        "device": {"id": str(device.id), "name": device.name, "platform": device.platform},
        "created_at": _time(family.created_at.timestamp()),
        "last_used_at": _time(
            max(rounded(family.rotated_at.timestamp()), int(family.created_at.timestamp()))
        ),
        "expires_at": _time(family.refresh_expires_at.timestamp()),
        "scope": family.scope,
    }


def _time(second: float) -> str:
    return datetime.fromtimestamp(int(second), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
