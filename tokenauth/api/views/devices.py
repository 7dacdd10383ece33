"""devices/: the user names and writes off his own devices."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api.parameters import BadRequest
from tokenauth.api.views.account import AccountEndpoint, client_members
from tokenauth.api.views.pages import page_of, time_of, uuid_of
from tokenauth.errors import Cause, Refused
from tokenauth.flows import sessions
from tokenauth.models.device import Device
from tokenauth.tokens.keyring import database

#: The one reason for which a user writes a device off; a request may leave it out.
LOST = "lost"


class DevicesView(AccountEndpoint):
    """GET devices/"""

    def get(self, request: Request) -> Response:
        claims = self.claims(request)
        page = page_of(_own(claims.sub), request)
        return Response(
            {"results": [_members(device, claims.did) for device in page.rows], "next": page.next}
        )


class DeviceView(AccountEndpoint):
    """PATCH devices/{id}/ {name}"""

    def patch(self, request: Request, device_id: str) -> Response:
        name = self.sent(request).required("name")[:100]
        claims = self.claims(request)
        known = uuid_of(device_id)
        if known is None or not _own(claims.sub).filter(pk=known).update(name=name):
            return self.refuse(Refused(Cause.NOT_OWN))
        return Response(_members(_own(claims.sub).get(pk=known), claims.did))


class RevokeDeviceView(AccountEndpoint):
    """POST devices/{id}/revoke/ {reason: "lost"}"""

    def post(self, request: Request, device_id: str) -> Response:
        sent = self.sent(request)
        if sent.text("reason") not in (None, LOST):
            raise BadRequest
        known = uuid_of(device_id)
        if known is None:
            return self.refuse(Refused(Cause.NOT_OWN))
        outcome = sessions.lose_device(known, owner=self.owner(request, sent))
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
    created = device.created_at.timestamp()
    return {
        "id": str(device.id),
        "name": device.name,
        "platform": device.platform,
        "client": client_members(device.client),
        "created_at": time_of(created),
        "last_used_at": time_of(max(sessions.rounded(used.timestamp()), created)),
        "current": device.id == current,
        "lost": device.lost_at is not None,
    }
