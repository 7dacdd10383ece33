"""The trail: append-only here as everywhere."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tokenauth.admin import lineage, words
from tokenauth.admin.lists import OfKind, Written
from tokenauth.admin.owned import OwnedAdmin
from tokenauth.admin.revoking import ReadOnlyAdmin
from tokenauth.admin.searching import Columns
from tokenauth.models import EventDetail, TokenEvent


@admin.register(TokenEvent)
class TokenEventAdmin(OwnedAdmin):
    """What happened, newest first."""

    list_display = (
        "when",
        "kind",
        "user",
        "client_id",
        "position",
        "cause",
        "by",
        "reason",
        "session",
    )
    list_filter = (Written, OfKind)
    search_fields = ("user_key",)
    search_help_text = _(
        "A session's id, a user's key, name or e-mail address, or an IP address. All but rotations and "
        "repeats: a device's or a client's id, or who did it."
    )
    columns = Columns(
        ids=("family", "device"),
        texts=("client_id", "actor"),
        user="user_key",
        seen=("pk", "pk"),
        told=("device", "client_id", "actor"),
    )
    ordering = ("-id",)
    linked = ("family",)
    fields = (
        *("at", "kind", "cause", "by", "reason", "user", "client_id", "linked_session", "generation"),
        *("branch", "personal", "data", "id", "user_key", "actor", "family", "device"),
    )

    @admin.display(description=_("when"))
    def when(self, event: TokenEvent) -> str:
        return words.moment(event.at)

    @admin.display(description=_("session"))
    def session(self, event: TokenEvent) -> str | SafeString:
        return words.short(event.family) if event.family else self.get_empty_value_display()

    @admin.display(description=_("session"))
    def linked_session(self, event: TokenEvent) -> SafeString | str:
        if event.family is None:
            return self.get_empty_value_display()
        url = words.url_of(self.admin_site, "tokenfamily_change", event.family)
        return words.linked(url, words.short(event.family))

    @admin.display(description=_("generation"))
    def position(self, event: TokenEvent) -> str | int | None:
        return f"{event.generation}.{event.branch}" if event.branch else event.generation

    @admin.display(description=_("reason"))
    def reason(self, event: TokenEvent) -> str:
        return lineage.reason_of(event) or self.get_empty_value_display()

    @admin.display(description=_("from"))
    def personal(self, event: TokenEvent) -> str:
        """Address, user agent and name, as long as they are kept."""
        detail = EventDetail.objects.using(event._state.db).filter(pk=event.pk).first()
        if detail is None:
            return self.get_empty_value_display()
        return ", ".join(filter(None, [detail.address, detail.name, detail.agent]))


@admin.register(EventDetail)
class EventDetailAdmin(ReadOnlyAdmin):
    """The personal part of events, as long as it is kept."""

    list_display = ("event", "name", "address", "agent")
    list_select_related = ("event",)
    search_fields = ("name",)
    search_help_text = _("A session's id, an IP address or the name of a login.")
    columns = Columns(texts=("name",), seen=("pk", "pk"), of_session="pk")
    ordering = ("-pk",)
    exclude = ("salt",)
