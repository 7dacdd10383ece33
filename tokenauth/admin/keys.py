"""Keys: their states, never their envelopes."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, confirmed, revoking
from tokenauth.admin.searching import Columns
from tokenauth.models import KeyRecord
from tokenauth.revocation.subjects import OfKey


@admin.register(KeyRecord)
class KeyRecordAdmin(RevokingMixin, ReadOnlyAdmin):
    """What signs, will sign, and signed."""

    list_display = ("kid", "purpose", "alg", "state", "created_at", "activated_at", "retiring_at", "ended_at")
    list_filter = ("purpose", "state")
    search_fields = ("kid",)
    search_help_text = _("A key's id.")
    columns = Columns(texts=("kid",))
    ordering = ("purpose", "-created_at")
    exclude = ("envelope",)
    actions = ("kill_keys",)
    of_one = {"kill_keys": _("Kill this key for ever")}
    reaches_everybody = True

    @admin.action(description=_("Kill the selected keys for ever"), permissions=["revoke"])
    def kill_keys(self, request: HttpRequest, selected: QuerySet[KeyRecord]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="kill_keys",
            deed=revoking(lambda record: OfKey(record.kid)),
        )
