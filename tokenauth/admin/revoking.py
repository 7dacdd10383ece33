"""What the admin's lists share: read-only rows, and an action that revokes what was selected."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from tokenauth.flows.revoke import revoke
from tokenauth.models import users
from tokenauth.revocation.subjects import Subject

#: Rows that one action revokes at most.
MOST_AT_ONCE = 500


class ReasonForm(ActionForm):
    """The action chooser, with a reason for the trail."""

    reason = forms.CharField(max_length=60, required=False, label=_("Reason"))


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only the flows write."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RevokingMixin:
    """Adds the action that revokes the selected rows. Needs the permission `tokenauth.revoke`."""

    action_form = ReasonForm
    model: type[Model]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may revoke: asked by Django for the action."""
        return request.user.has_perm("tokenauth.revoke")


def short(id_: UUID) -> str:
    """Return the end of an id: what tells two of them apart in a list (UUIDv7 begin alike)."""
    return f"…{str(id_)[-12:]}"


def revoke_selected(
    request: HttpRequest, selected: QuerySet[Any], subject_of: Callable[[Any], Subject]
) -> None:
    """Revoke each selected row and say how many there were.

    Side effects: one order and one event each; every process refuses within the staleness bound.
    """
    rows: Iterable[Any] = selected[:MOST_AT_ONCE]
    reason = str(request.POST.get("reason", ""))
    actor = f"admin:{users.key_of(request.user)}"  # type: ignore[arg-type]
    count = 0
    for row in rows:
        revoke(subject_of(row), reason=reason, actor=actor)
        count += 1
    text = ngettext("%(count)d was revoked.", "%(count)d were revoked.", count) % {"count": count}
    messages.success(request, text)
