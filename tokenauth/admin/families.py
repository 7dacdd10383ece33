"""Sessions: token families."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tokenauth.admin import lineage, words
from tokenauth.admin.lists import Begun
from tokenauth.admin.owned import OwnedAdmin
from tokenauth.admin.revoking import RevokingMixin, confirmed, revoking
from tokenauth.admin.searching import Columns
from tokenauth.errors import Cause
from tokenauth.flows.standing import why_each_is_dead
from tokenauth.models import AccountState, TokenFamily
from tokenauth.models.family import TokenFamilyQuerySet
from tokenauth.revocation.subjects import OfFamily, OfUser


@admin.register(TokenFamily)
class TokenFamilyAdmin(RevokingMixin, OwnedAdmin):
    """A user's sessions; neither secret nor attempt is shown."""

    list_display = ("state", "user", "client", "on_device", "begun", "last_used", "session")
    list_filter = (Begun, "client")
    list_select_related = ("client", "device")
    search_fields = ("user_key",)
    list_display_links = ("state", "session")
    linked = ("user_key", "device")
    columns = Columns(ids=("pk", "device_id"), user="user_key", client="client_id", seen=("pk", "family"))
    ordering = ("-id",)
    actions = ("revoke_sessions", "revoke_users")
    of_one = {
        "revoke_sessions": _("Revoke this session"),
        "revoke_users": _("Revoke all sessions of its user"),
    }
    fieldsets = (
        (None, {"fields": ("in_full", "ended_by", "user", "linked_client", "linked_device")}),
        (
            _("When"),
            {"fields": ("begun", "last_used", "ends", "auth_time", "absolute_expires_at", "revoked_at")},
        ),
        (_("What happened"), {"fields": ("events",)}),
        (
            _("What it may"),
            {"fields": ("audience", "scope", "policy", "impersonator", "acr", "amr", "backend", "transport")},
        ),
        (
            _("Where it stands"),
            {
                "classes": ("collapse",),
                "fields": (
                    *(
                        "id",
                        "user_key",
                        "generation",
                        "branches",
                        "won",
                        "overlap_run",
                        "overlapped",
                        "exact",
                    ),
                    *("rotated_at", "access_expires_at", "refresh_expires_at", "refresh_kid", "jkt", "risk"),
                    *("ep_site", "ep_client", "ep_device", "ep_user"),
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[TokenFamily]:
        return super().get_queryset(request).select_related("client", "device")

    def prepare(self, rows: Sequence[Any]) -> None:
        super().prepare(rows)
        dead = why_each_is_dead(rows)
        for family in rows:
            family.dead = dead[family.pk]

    @admin.display(description=_("session"))
    def session(self, family: TokenFamily) -> SafeString:
        return words.short(family.pk)

    @admin.display(description=_("state"))
    def state(self, family: TokenFamily) -> SafeString:
        return words.state_of(_dead(family))

    @admin.display(description=_("state"))
    def in_full(self, family: TokenFamily) -> SafeString:
        return words.state_of(_dead(family), in_full=True)

    @admin.display(description=_("device"))
    def on_device(self, family: TokenFamily) -> str | SafeString:
        return words.name_of(family.device)

    @admin.display(description=_("client"))
    def linked_client(self, family: TokenFamily) -> SafeString:
        return words.linked(words.url_of(self.admin_site, "client_change", family.client_id), family.client)

    @admin.display(description=_("device"))
    def linked_device(self, family: TokenFamily) -> SafeString:
        url = words.url_of(self.admin_site, "device_change", family.device_id)
        return words.linked(url, words.name_of(family.device))

    @admin.display(description=_("begun"))
    def begun(self, family: TokenFamily) -> str:
        return words.moment(family.created_at)

    @admin.display(description=_("last used"))
    def last_used(self, family: TokenFamily) -> str:
        return words.moment(words.last_used(family))

    @admin.display(description=_("ends"))
    def ends(self, family: TokenFamily) -> str:
        return words.moment(words.end_of(family))

    @admin.display(description=_("ended by"))
    def ended_by(self, family: TokenFamily) -> str:
        """Who ended it, when and why, from the trail."""
        event = lineage.end_of(family, _dead(family))
        if event is None:
            return self.get_empty_value_display()
        context = {"event": event, "reason": lineage.reason_of(event), "by": lineage.names_of([event])[0]}
        return render_to_string("admin/tokenauth/ended_by.html", context)

    @admin.display(description=_("events"))
    def events(self, family: TokenFamily) -> SafeString:
        """Its lineage: each generation's event, and what ended it."""
        events = lineage.events_of(family)
        url = words.url_of(self.admin_site, "tokenevent_changelist")
        context = {
            "rows": [
                {
                    "event": event,
                    "url": words.url_of(self.admin_site, "tokenevent_change", event.pk),
                    "at": words.moment(event.at),
                    "reason": lineage.reason_of(event),
                    "by": by,
                }
                for event, by in zip(events, lineage.names_of(events), strict=True)
            ],
            "more": f"{url}?family__exact={family.pk}" if url and len(events) == lineage.SHOWN else "",
        }
        return render_to_string("admin/tokenauth/lineage.html", context)

    def describe(self, row: TokenFamily) -> SafeString:
        whose = row.person.name or row.user_key  # type: ignore[attr-defined]
        device = words.name_of(row.device)
        return format_html("{}, {}, {} ({})", whose, row.client, device, words.short(row.pk))

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


def _dead(family: TokenFamily) -> Cause | None:
    return cast("Cause | None", getattr(family, "dead", None))
