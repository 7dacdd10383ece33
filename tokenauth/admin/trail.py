"""The trail: append-only here as everywhere."""

from django.contrib import admin

from tokenauth.admin.revoking import ReadOnlyAdmin
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
    list_filter = ("kind", "cause")
    search_fields = ("=user_key", "=family", "=client_id", "=actor")
    ordering = ("-id",)
    exclude = ("mac", "detail_hash")


@admin.register(EventDetail)
class EventDetailAdmin(ReadOnlyAdmin):
    """The personal part of events, as long as it is kept."""

    list_display = ("event", "address", "agent", "name")
    search_fields = ("=address", "=name")
    ordering = ("-event",)
    exclude = ("salt",)
