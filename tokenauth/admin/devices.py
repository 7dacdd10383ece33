"""Devices: installations of clients."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, revoke_selected
from tokenauth.models import Device
from tokenauth.revocation.subjects import OfDevice


@admin.register(Device)
class DeviceAdmin(RevokingMixin, ReadOnlyAdmin):
    """A user's devices."""

    list_display = ("id", "name", "platform", "user_key", "client", "created_at", "lost_at")
    list_filter = ("client", "platform")
    list_select_related = ("client",)
    search_fields = ("=id", "=user_key", "=installation", "name")
    ordering = ("-created_at",)
    actions = ("revoke_devices", "lose_devices")

    @admin.action(description=_("Revoke all sessions of the selected devices"), permissions=["revoke"])
    def revoke_devices(self, request: HttpRequest, selected: QuerySet[Device]) -> None:
        revoke_selected(request, selected, lambda device: OfDevice(device.pk))

    @admin.action(description=_("Write the selected devices off as lost"), permissions=["revoke"])
    def lose_devices(self, request: HttpRequest, selected: QuerySet[Device]) -> None:
        revoke_selected(request, selected, lambda device: OfDevice(device.pk, lost=True))
