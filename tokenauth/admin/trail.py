"""The trail: append-only here as everywhere."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.lists import OfKind, Written
from tokenauth.admin.revoking import ReadOnlyAdmin
from tokenauth.admin.searching import Columns
from tokenauth.models import EventDetail, TokenEvent


@admin.register(TokenEvent)
class TokenEventAdmin(ReadOnlyAdmin):
    """What happened, newest first."""

    list_display = (
        "at",
        "kind",
        "user_key",
        "client_id",
        "family",
        "generation",
        "branch",
        "cause",
        "actor",
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
    exclude = ("mac", "detail_hash")


@admin.register(EventDetail)
class EventDetailAdmin(ReadOnlyAdmin):
    """The personal part of events, as long as it is kept."""

    list_display = ("event", "address", "agent", "name")
    list_select_related = ("event",)
    search_fields = ("name",)
    search_help_text = _("A session's id, an IP address or the name of a login.")
    columns = Columns(texts=("name",), seen=("pk", "pk"), of_session="pk")
    ordering = ("-pk",)
    exclude = ("salt",)
