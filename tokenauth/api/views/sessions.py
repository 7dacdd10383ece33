"""sessions/: the user sees and ends his own sessions."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api.views.account import AccountEndpoint, client_members
from tokenauth.api.views.pages import page_of, time_of, uuid_of
from tokenauth.errors import Cause, Refused
from tokenauth.flows import sessions
from tokenauth.flows.sessions import Ended, rounded
from tokenauth.models.family import TokenFamily


class SessionsView(AccountEndpoint):
    """GET sessions/"""

    def get(self, request: Request) -> Response:
        claims = self.claims(request)
        page = page_of(sessions.standing(claims.sub), request)
        return Response(
            {"results": [_members(family, claims.sid) for family in page.rows], "next": page.next}
        )


class SessionView(AccountEndpoint):
    """DELETE sessions/{id}/"""

    def delete(self, request: Request, session_id: str) -> Response:
        known = uuid_of(session_id)
        if known is None:
            return self.refuse(Refused(Cause.NOT_OWN))
        outcome = sessions.end_one(known, owner=self.owner(request, self.sent(request)))
        return self.refuse(outcome) if isinstance(outcome, Refused) else Response(status=204)


class RevokeOthersView(AccountEndpoint):
    """POST sessions/revoke-others/"""

    def post(self, request: Request) -> Response:
        return _ended(self, sessions.end_others(owner=self.owner(request, self.sent(request))))


class RevokeAllView(AccountEndpoint):
    """POST sessions/revoke-all/"""

    def post(self, request: Request) -> Response:
        return _ended(self, sessions.end_all(owner=self.owner(request, self.sent(request))))


def _ended(view: AccountEndpoint, outcome: Ended | Refused) -> Response:
    return view.refuse(outcome) if isinstance(outcome, Refused) else Response({"ended": outcome.sessions})


def _members(family: TokenFamily, current: UUID) -> dict[str, Any]:
    device, created = family.device, family.created_at.timestamp()
    return {
        "id": str(family.id),
        "current": family.id == current,
        "client": client_members(family.client),
        "device": {"id": str(device.id), "name": device.name, "platform": device.platform},
        "created_at": time_of(created),
        "last_used_at": time_of(max(rounded(family.rotated_at.timestamp()), created)),
        "expires_at": time_of(family.refresh_expires_at.timestamp()),
        "scope": family.scope,
        "impersonated": bool(family.impersonator),
    }
