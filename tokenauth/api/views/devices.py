"""devices/: the user names and writes off his own devices."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import parameters
from tokenauth.api.views.account import AccountEndpoint, client_members, rounded
from tokenauth.errors import Cause, Refused
from tokenauth.flows import sessions
from tokenauth.models.device import Device
from tokenauth.tokens.keyring import database


class DevicePages(CursorPagination):
    """Fifty a page, newest first."""

    page_size = 50
    ordering = ("-created_at", "-id")

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})


class DevicesView(AccountEndpoint):
    """GET devices/"""

    def get(self, request: Request) -> Response:
        claims = self.claims(request)
        pages = DevicePages()
        page = pages.paginate_queryset(_own(claims.sub), request, view=self) or []
        return pages.get_paginated_response([_members(device, claims.did) for device in page])


class DeviceView(AccountEndpoint):
    """PATCH devices/{id}/ {name}"""

    def patch(self, request: Request, device_id: str) -> Response:
        name = parameters.read(request._request, json_too=True).required("name")[:100]
        claims = self.claims(request)
        if not _own(claims.sub).filter(pk=device_id).update(name=name):
            return self.refuse(Refused(Cause.NOT_OWN))
        return Response(_members(_own(claims.sub).get(pk=device_id), claims.did))


class RevokeDeviceView(AccountEndpoint):
    """POST devices/{id}/revoke/"""

    def post(self, request: Request, device_id: str) -> Response:
        outcome = sessions.lose_device(UUID(device_id), owner=self.owner(request))
        return self.refuse(outcome) if isinstance(outcome, Refused) else Response({"ended": outcome.sessions})


def _own(user_key: str) -> QuerySet[Device]:
    return (
        Device.objects.using(database())
        .of_user(user_key)
        .select_related("client")
        .annotate(last_used=Max("families__rotated_at"))
    )


def _members(device: Device, current: UUID) -> dict[str, Any]:
    used: datetime = getattr(device, "last_used", None) or device.created_at
    return {
        "id": str(device.id),
        "name": device.name,
        "platform": device.platform,
        "client": client_members(device.client),
        "created_at": _time(device.created_at.timestamp()),
        "last_used_at": _time(max(rounded(used.timestamp()), int(device.created_at.timestamp()))),
        "current": device.id == current,
        "lost": device.lost_at is not None,
    }


def _time(second: float) -> str:
    return datetime.fromtimestamp(int(second), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
