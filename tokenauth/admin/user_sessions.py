"""The user's page in the admin shows his sessions and devices, and ends them with a reason."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.lists import STYLES
from tokenauth.admin.revoking import confirmed, page_of, revoking
from tokenauth.admin.words import end_of, last_used, moment, name_of, short, state_of, url_of
from tokenauth.flows.sessions import standing
from tokenauth.flows.standing import why_each_is_dead
from tokenauth.models import Device, TokenFamily, users
from tokenauth.models.family import TokenFamilyQuerySet
from tokenauth.revocation.subjects import OfUser
from tokenauth.tokens.keyring import database

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object

#: Sessions, and devices, that a user's page shows; links lead to the rest.
SHOWN = 20

_ACTION = "tokenauth_revoke_users"
_PAGE = "tokenauth_revoke"


class UserSessionsMixin(Base):
    """
    Adds a user's sessions and devices to his page, and an action that revokes all his sessions.

    Goes before the admin class of any user model: `class MyUserAdmin(UserSessionsMixin, UserAdmin)`. The
    user admins that are registered when the site starts get it by themselves (`TOKENAUTH["USER_ADMIN"]`).
    Who may view sessions or devices sees them; who besides has the permission `tokenauth.revoke` ends them.
    A page costs at most six queries more, however many sessions there are.
    """

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Add what the administrator may see after the fieldsets of the site, unless they have it."""
        own = list(super().get_fieldsets(request, obj))
        placed = set(flatten_fieldsets(own))
        shown = [name for name in self._tokenauth_fields(request, obj) if name not in placed]
        return [*own, (_("Token sessions"), {"fields": shown})] if shown else own

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), *self._tokenauth_fields(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        unwanted = self.actions is None or IS_POPUP_VAR in request.GET
        if unwanted or not self.has_tokenauth_revoke_permission(request):
            return actions
        return {**actions, _ACTION: self.get_action(_ACTION)}

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.tokenauth_revoke_user)
        name = f"{self.opts.app_label}_{self.opts.model_name}_{_PAGE}"
        return [path("<path:object_id>/tokenauth-revoke/", page, name=name), *super().get_urls()]

    @property
    def media(self) -> forms.Media:
        return super().media + forms.Media(css={"all": [STYLES]})

    def has_tokenauth_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may revoke all sessions of a user."""
        return request.user.has_perms(["tokenauth.view_tokenfamily", "tokenauth.revoke"])

    @admin.display(description=_("Sessions"))
    def tokenauth_sessions(self, user: Any) -> SafeString:
        """The user's newest sessions, the live ones first."""
        families = _newest_sessions(user_key := users.key_of(user))
        dead = why_each_is_dead(families)
        rows = [
            {
                "family": family,
                "name": short(family.pk),
                "url": url_of(self.admin_site, "tokenfamily_change", family.pk),
                "device": name_of(family.device),
                "device_url": url_of(self.admin_site, "device_change", family.device_id),
                "state": state_of(dead[family.pk]),
                "begun": moment(family.created_at),
                "last_used": moment(last_used(family)),
                "ends": moment(end_of(family)),
            }
            for family in families
        ]
        return self._tokenauth_table("sessions", rows, "tokenfamily_changelist", user_key)

    @admin.display(description=_("Devices"))
    def tokenauth_devices(self, user: Any) -> SafeString:
        """The user's newest devices."""
        user_key = users.key_of(user)
        devices = Device.objects.using(database()).of_user(user_key).select_related("client")
        rows = [
            {
                "device": device,
                "name": name_of(device),
                "url": url_of(self.admin_site, "device_change", device.pk),
                "since": moment(device.created_at),
                "lost": moment(device.lost_at),
            }
            for device in devices.order_by("-created_at", "-pk")[:SHOWN]
        ]
        return self._tokenauth_table("devices", rows, "device_changelist", user_key)

    @admin.display(description=_("End them"))
    def tokenauth_revoke(self, user: Any) -> SafeString:
        """The link to the page that asks for the reason."""
        return render_to_string("admin/tokenauth/user_revoke.html", {"url": page_of(self, user.pk, _PAGE)})

    @admin.action(
        description=_("Revoke all sessions of the selected users"), permissions=["tokenauth_revoke"]
    )
    def tokenauth_revoke_users(self, request: HttpRequest, selected: QuerySet[Any]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action=_ACTION,
            deed=revoking(lambda user: OfUser(users.key_of(user))),
            sessions_of=_sessions_of,
        )

    def tokenauth_revoke_user(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a reason, then revoke all sessions of one user and go back to his page."""
        user = self.get_object(request, unquote(object_id))
        if user is None or not self.has_view_or_change_permission(request, user):
            raise PermissionDenied
        if not self.has_tokenauth_revoke_permission(request):
            raise PermissionDenied
        answer = confirmed(
            self,
            request,
            [user],
            action=_ACTION,
            title=_("Revoke all sessions of this user"),
            deed=revoking(lambda one: OfUser(users.key_of(one))),
            sessions_of=_sessions_of,
        )
        return answer or HttpResponseRedirect(page_of(self, user.pk))

    def _tokenauth_fields(self, request: HttpRequest, obj: Model | None) -> list[str]:
        if obj is None:
            return []
        sees = request.user.has_perm
        shown = {
            "tokenauth_sessions": sees("tokenauth.view_tokenfamily"),
            "tokenauth_revoke": self.has_tokenauth_revoke_permission(request),
            "tokenauth_devices": sees("tokenauth.view_device"),
        }
        return [name for name, is_shown in shown.items() if is_shown]

    def _tokenauth_table(
        self, kind: str, rows: list[dict[str, Any]], all_of_them: str, user_key: str
    ) -> SafeString:
        url = url_of(self.admin_site, all_of_them)
        more = f"{url}?{urlencode({'user_key__exact': user_key})}" if url else ""
        context = {"rows": rows, "more": more, "is_full": len(rows) == SHOWN}
        return render_to_string(f"admin/tokenauth/user_{kind}.html", context)


def _newest_sessions(user_key: str) -> list[TokenFamily]:
    live = list(standing(user_key)[:SHOWN])
    others = TokenFamily.objects.using(database()).of_user(user_key).select_related("client", "device")
    dead = others.exclude(pk__in=[family.pk for family in live])
    return live + list(dead[: SHOWN - len(live)])


def _sessions_of(rows: Sequence[Any]) -> TokenFamilyQuerySet:
    return TokenFamily.objects.filter(user_key__in=[users.key_of(user) for user in rows])
