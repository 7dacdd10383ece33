"""Sessions: token families."""

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.lists import Begun
from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, confirmed, revoking
from tokenauth.admin.searching import Columns
from tokenauth.admin.words import short
from tokenauth.models import AccountState, TokenFamily
from tokenauth.models.family import TokenFamilyQuerySet
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
    list_filter = (Begun, "client")
    list_select_related = ("client", "device")
    search_fields = ("user_key",)
    linked = ("user_key",)
    columns = Columns(ids=("pk", "device_id"), user="user_key", client="client_id", seen=("pk", "family"))
    ordering = ("-id",)
    actions = ("revoke_sessions", "revoke_users")

    @admin.display(description=_("session"))
    def session(self, family: TokenFamily) -> str:
        return short(family.pk)

    @admin.display(description=_("device"))
    def on_device(self, family: TokenFamily) -> str:
        return family.device.name or short(family.device_id)

    @admin.action(description=_("Revoke the selected sessions"), permissions=["revoke"])
    def revoke_sessions(self, request: HttpRequest, selected: QuerySet[TokenFamily]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="revoke_sessions",
            deed=revoking(lambda family: OfFamily(family.pk)),
            sessions_of=lambda rows: TokenFamily.objects.filter(pk__in=[family.pk for family in rows]),
        )

    @admin.action(description=_("Revoke all sessions of their users"), permissions=["revoke"])
    def revoke_users(self, request: HttpRequest, selected: QuerySet[TokenFamily]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="revoke_users",
            deed=revoking(lambda family: OfUser(family.user_key)),
            sessions_of=sessions_of_users,
            one_each=lambda family: family.user_key,
        )


def sessions_of_users(rows: Sequence[TokenFamily | AccountState]) -> TokenFamilyQuerySet:
    """Return every session of the users whom these rows belong to."""
    return TokenFamily.objects.filter(user_key__in=[row.user_key for row in rows])
