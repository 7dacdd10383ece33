"""Devices: installations of clients."""

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.lists import Begun
from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, confirmed, revoking
from tokenauth.admin.searching import Columns
from tokenauth.models import Device, TokenFamily
from tokenauth.models.family import TokenFamilyQuerySet
from tokenauth.revocation.subjects import OfDevice


@admin.register(Device)
class DeviceAdmin(RevokingMixin, ReadOnlyAdmin):
    """A user's devices."""

    list_display = ("id", "name", "platform", "user_key", "client", "created_at", "lost_at")
    list_filter = (Begun, "client")
    list_select_related = ("client",)
    search_fields = ("user_key",)
    linked = ("user_key",)
    columns = Columns(ids=("pk",), user="user_key", client="client_id")
    ordering = ("-id",)
    actions = ("revoke_devices", "lose_devices")

    @admin.action(description=_("Revoke all sessions of the selected devices"), permissions=["revoke"])
    def revoke_devices(self, request: HttpRequest, selected: QuerySet[Device]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="revoke_devices",
            deed=revoking(lambda device: OfDevice(device.pk)),
            sessions_of=_sessions,
        )

    @admin.action(description=_("Write the selected devices off as lost"), permissions=["revoke"])
    def lose_devices(self, request: HttpRequest, selected: QuerySet[Device]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="lose_devices",
            deed=revoking(lambda device: OfDevice(device.pk, lost=True)),
            sessions_of=_sessions,
        )


def _sessions(devices: Sequence[Device]) -> TokenFamilyQuerySet:
    return TokenFamily.objects.filter(device_id__in=[device.pk for device in devices])
