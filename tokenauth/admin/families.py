"""Sessions: token families."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, revoke_selected, short
from tokenauth.models import TokenFamily
from tokenauth.revocation.subjects import OfFamily, OfUser


@admin.register(TokenFamily)
class TokenFamilyAdmin(RevokingMixin, ReadOnlyAdmin):
    """A user's sessions; neither secret nor attempt is shown."""

    list_display = (
        "session",
        "user_key",
        "client",
        "on_device",
        "created_at",
        "generation",
        "revoked_at",
        "cause",
    )
    list_filter = ("client", "cause")
    list_select_related = ("client", "device")
    search_fields = ("=id", "=user_key", "=client__client_id", "=device__id")
    ordering = ("-absolute_expires_at",)
    actions = ("revoke_sessions", "revoke_users")

    @admin.display(description=_("session"))
    def session(self, family: TokenFamily) -> str:
        return short(family.pk)

    @admin.display(description=_("device"))
    def on_device(self, family: TokenFamily) -> str:
        return family.device.name or short(family.device_id)

    @admin.action(description=_("Revoke the selected sessions"), permissions=["revoke"])
    def revoke_sessions(self, request: HttpRequest, selected: QuerySet[TokenFamily]) -> None:
        revoke_selected(request, selected, lambda family: OfFamily(family.pk))

    @admin.action(description=_("Revoke all sessions of their users"), permissions=["revoke"])
    def revoke_users(self, request: HttpRequest, selected: QuerySet[TokenFamily]) -> None:
        users = selected.order_by("user_key").values_list("user_key", flat=True).distinct()
        revoke_selected(request, users, OfUser)
