"""Orders, epochs and the plane that carries them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tokenauth import conf
from tokenauth.admin import words
from tokenauth.admin.families import sessions_of_users
from tokenauth.admin.lists import OfKind, Written
from tokenauth.admin.owned import OwnedAdmin
from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, confirmed, revoking
from tokenauth.admin.searching import Columns
from tokenauth.flows import plane
from tokenauth.models import (
    AccountState,
    Catalogue,
    MirrorProcess,
    Plane,
    RevocationOrder,
    Site,
    TaskRun,
    TokenFamily,
)
from tokenauth.models.device import as_public_id
from tokenauth.models.order import OrderKind
from tokenauth.revocation.subjects import Everything, OfUser

_PAGES = {
    OrderKind.DEVICE: "device_change",
    OrderKind.FAMILY: "tokenfamily_change",
    OrderKind.GENERATION: "tokenfamily_change",
}


@admin.register(RevocationOrder)
class RevocationOrderAdmin(OwnedAdmin):
    """What was revoked, by whom, and how long mirrors keep it."""

    list_display = ("when", "kind", "whom", "cause", "by", "number", "kept_until")
    list_filter = (Written, OfKind)
    search_fields = ("key",)
    search_help_text = _(
        "What was revoked: an id, a user's key, name or e-mail address, or a client's id; or who revoked it."
    )
    columns = Columns(texts=("key", "actor"), user="key", told=("key", "actor"))
    ordering = ("-id",)
    owner = "key"
    fields = ("at", "kind", "whom", "cause", "by", "number", "kept_until", "floor", "id", "key", "actor")

    @admin.display(description=_("when"))
    def when(self, order: RevocationOrder) -> str:
        return words.moment(order.at)

    @admin.display(description=_("mirrors keep it until"))
    def kept_until(self, order: RevocationOrder) -> str:
        return words.moment(order.until)

    @admin.display(description=_("whom or what"))
    def whom(self, order: RevocationOrder) -> SafeString | str:
        """What was revoked, linked to its page where it has one."""
        if order.kind == OrderKind.USER:
            return self.user(order)
        page = _PAGES.get(OrderKind(order.kind))
        if page and as_public_id(order.key):
            return words.linked(words.url_of(self.admin_site, page, order.key), words.short(order.key))
        return order.key or self.get_empty_value_display()


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


@admin.register(MirrorProcess)
class MirrorProcessAdmin(ReadOnlyAdmin):
    """Who follows the plane, by what each process last said of itself."""

    list_display = (
        "process",
        "current",
        "number",
        "aged",
        "heard_of",
        "release",
        "rules",
        "notifier",
        "since",
    )
    ordering = ("host", "pid")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MirrorProcess]:
        return MirrorProcess.objects.live()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = plane.counted()
        title = _("%(fresh)d of %(seen)d processes are current") % {"fresh": found.fresh, "seen": found.seen}
        answer: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return answer

    @admin.display(description=_("process"), ordering="host")
    def process(self, process: MirrorProcess) -> str:
        return str(process)

    @admin.display(description=_("current"), boolean=True)
    def current(self, process: MirrorProcess) -> bool:
        return process.is_current(conf.current().STALENESS_BOUND)

    @admin.display(description=_("age of its mirror"), ordering="age")
    def aged(self, process: MirrorProcess) -> str:
        return _seconds(process.age)

    @admin.display(description=_("heard of"), ordering="reported")
    def heard_of(self, process: MirrorProcess) -> str:
        return _("%(seconds)s ago") % {"seconds": _seconds(process.heard)}

    @admin.display(description=_("since"), ordering="started_at")
    def since(self, process: MirrorProcess) -> str:
        return words.moment(process.started_at)


def _seconds(milliseconds: int) -> str:
    return f"{max(0, milliseconds) / 1000:.1f} s"


@admin.register(Catalogue)
class CatalogueAdmin(ReadOnlyAdmin):
    """Versions of what every process holds in memory."""

    list_display = ("name", "version")


@admin.register(TaskRun)
class TaskRunAdmin(ReadOnlyAdmin):
    """When each housekeeping job last succeeded."""

    list_display = ("name", "last_ok_at", "leased_until")
