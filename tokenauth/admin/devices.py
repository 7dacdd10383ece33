"""Devices: installations of clients."""

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tokenauth.admin import words
from tokenauth.admin.lists import Begun
from tokenauth.admin.owned import OwnedAdmin
from tokenauth.admin.revoking import RevokingMixin, confirmed, revoking
from tokenauth.admin.searching import Columns
from tokenauth.models import Device, TokenFamily
from tokenauth.models.family import TokenFamilyQuerySet
from tokenauth.revocation.subjects import OfDevice


@admin.register(Device)
class DeviceAdmin(RevokingMixin, OwnedAdmin):
    """A user's devices."""

    list_display = ("named", "platform", "user", "client", "known_since", "lost")
    list_filter = (Begun, "client")
    list_select_related = ("client",)
    search_fields = ("user_key",)
    linked = ("user_key",)
    columns = Columns(ids=("pk",), user="user_key", client="client_id")
    ordering = ("-id",)
    actions = ("revoke_devices", "lose_devices")
    of_one = {
        "revoke_devices": _("Revoke its sessions"),
        "lose_devices": _("Write it off as lost"),
    }
    fields = (
        *("name", "platform", "user", "client", "sessions", "known_since", "lost"),
        *("id", "installation", "user_key", "epoch"),
    )

    @admin.display(description=_("device"))
    def named(self, device: Device) -> str | SafeString:
        return words.name_of(device)

    @admin.display(description=_("known since"))
    def known_since(self, device: Device) -> str:
        return words.moment(device.created_at)

    @admin.display(description=_("lost"))
    def lost(self, device: Device) -> str:
        return words.moment(device.lost_at)

    def describe(self, row: Device) -> SafeString:
        whose = row.person.name or row.user_key  # type: ignore[attr-defined]
        return format_html("{}, {} ({})", whose, words.name_of(row), words.short(row.pk))

    @admin.display(description=_("sessions"))
    def sessions(self, device: Device) -> SafeString:
        url = words.url_of(self.admin_site, "tokenfamily_changelist")
        return words.linked(url and f"{url}?device__id__exact={device.pk}", _("Sessions on this device"))

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
