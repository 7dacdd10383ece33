"""Orders, epochs and the plane that carries them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, revoke_selected
from tokenauth.models import AccountState, Catalogue, Plane, RevocationOrder, Site, TaskRun
from tokenauth.revocation.subjects import Everything, OfUser


@admin.register(RevocationOrder)
class RevocationOrderAdmin(ReadOnlyAdmin):
    """What was revoked, by whom, and how long mirrors keep it."""

    list_display = ("id", "number", "kind", "key", "floor", "at", "until", "cause", "actor")
    list_filter = ("kind", "cause")
    search_fields = ("=key", "=actor")
    ordering = ("-id",)


@admin.register(AccountState)
class AccountStateAdmin(RevokingMixin, ReadOnlyAdmin):
    """Accounts that were revoked at least once."""

    list_display = ("user_key", "epoch")
    search_fields = ("=user_key",)
    ordering = ("user_key",)
    exclude = ("fingerprint",)
    actions = ("revoke_users",)

    @admin.action(description=_("Revoke all sessions of the selected accounts"), permissions=["revoke"])
    def revoke_users(self, request: HttpRequest, selected: QuerySet[AccountState]) -> None:
        revoke_selected(request, selected, lambda account: OfUser(account.user_key))


@admin.register(Site)
class SiteAdmin(RevokingMixin, ReadOnlyAdmin):
    """The one row that everything is stamped with."""

    list_display = ("id", "epoch", "issued_before")
    actions = ("revoke_everything",)

    @admin.action(description=_("Revoke ALL sessions of the site"), permissions=["revoke"])
    def revoke_everything(self, request: HttpRequest, selected: QuerySet[Site]) -> None:
        revoke_selected(request, selected[:1], lambda site: Everything())


@admin.register(Plane)
class PlaneAdmin(ReadOnlyAdmin):
    """What every mirror polls."""

    list_display = ("id", "plane_id", "n", "longest_access")


@admin.register(Catalogue)
class CatalogueAdmin(ReadOnlyAdmin):
    """Versions of what every process holds in memory."""

    list_display = ("name", "version")


@admin.register(TaskRun)
class TaskRunAdmin(ReadOnlyAdmin):
    """When each housekeeping job last succeeded."""

    list_display = ("name", "last_ok_at", "leased_until")
