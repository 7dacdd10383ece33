"""Keys: their states, never their envelopes."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from tokenauth.admin import words
from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, confirmed, revoking
from tokenauth.admin.searching import Columns
from tokenauth.models import KeyRecord
from tokenauth.revocation.subjects import OfKey


@admin.register(KeyRecord)
class KeyRecordAdmin(RevokingMixin, ReadOnlyAdmin):
    """What signs, will sign, and signed."""

    list_display = ("purpose", "state", "alg", "made", "signs_since", "retiring_since", "ended", "kid")
    list_filter = ("purpose", "state")
    search_fields = ("kid",)
    search_help_text = _("A key's id.")
    columns = Columns(texts=("kid",))
    ordering = ("purpose", "-created_at")
    exclude = ("envelope",)
    actions = ("kill_keys",)
    of_one = {"kill_keys": _("Kill this key for ever")}
    reaches_everybody = True

    @admin.display(description=_("made"))
    def made(self, record: KeyRecord) -> str:
        return words.moment(record.created_at)

    @admin.display(description=_("signs since"))
    def signs_since(self, record: KeyRecord) -> str:
        return words.moment(record.activated_at)

    @admin.display(description=_("retiring since"))
    def retiring_since(self, record: KeyRecord) -> str:
        return words.moment(record.retiring_at)

    @admin.display(description=_("ended"))
    def ended(self, record: KeyRecord) -> str:
        return words.moment(record.ended_at)

    @admin.action(description=_("Kill the selected keys for ever"), permissions=["revoke"])
    def kill_keys(self, request: HttpRequest, selected: QuerySet[KeyRecord]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="kill_keys",
            deed=revoking(lambda record: OfKey(record.kid)),
        )
