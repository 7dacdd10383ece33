"""Orders, epochs and the plane that carries them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.families import sessions_of_users
from tokenauth.admin.lists import OfKind, Written
from tokenauth.admin.owned import OwnedAdmin
from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, confirmed, revoking
from tokenauth.admin.searching import Columns
from tokenauth.models import (
    AccountState,
    Catalogue,
    Plane,
    RevocationOrder,
    Site,
    TaskRun,
    TokenFamily,
)
from tokenauth.revocation.subjects import Everything, OfUser


@admin.register(RevocationOrder)
class RevocationOrderAdmin(ReadOnlyAdmin):
    """What was revoked, by whom, and how long mirrors keep it."""

    list_display = ("id", "number", "kind", "key", "floor", "at", "until", "cause", "actor")
    list_filter = (Written, OfKind)
    search_fields = ("key",)
    search_help_text = _(
        "What was revoked: an id, a user's key, name or e-mail address, or a client's id; or who revoked it."
    )
    columns = Columns(texts=("key", "actor"), user="key", told=("key", "actor"))
    ordering = ("-id",)


@admin.register(AccountState)
class AccountStateAdmin(RevokingMixin, OwnedAdmin):
    """Accounts that were revoked at least once."""

    list_display = ("user_key", "user", "epoch")
    fields = ("user_key", "user", "epoch")
    search_fields = ("user_key",)
    search_help_text = _("A user's key, name or e-mail address.")
    columns = Columns(user="user_key")
    ordering = ("user_key",)
    actions = ("revoke_users",)
    of_one = {"revoke_users": _("Revoke all sessions of this account")}

    @admin.action(description=_("Revoke all sessions of the selected accounts"), permissions=["revoke"])
    def revoke_users(self, request: HttpRequest, selected: QuerySet[AccountState]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="revoke_users",
            deed=revoking(lambda account: OfUser(account.user_key)),
            sessions_of=sessions_of_users,
        )


@admin.register(Site)
class SiteAdmin(RevokingMixin, ReadOnlyAdmin):
    """The one row that everything is stamped with."""

    list_display = ("id", "epoch", "issued_before")
    actions = ("revoke_everything",)
    of_one = {"revoke_everything": _("Revoke ALL sessions of the site")}
    reaches_everybody = True

    @admin.action(description=_("Revoke ALL sessions of the site"), permissions=["revoke"])
    def revoke_everything(self, request: HttpRequest, selected: QuerySet[Site]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="revoke_everything",
            deed=revoking(lambda site: Everything()),
            sessions_of=lambda rows: TokenFamily.objects.all(),
        )


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
