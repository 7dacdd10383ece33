"""What the admin's lists share: read-only rows, and an action that revokes what was selected."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from tokenauth import conf
from tokenauth.admin.lists import OrMore, bounded_count
from tokenauth.admin.searching import SearchedList
from tokenauth.flows import applied
from tokenauth.flows.outcomes import Revoked
from tokenauth.flows.revoke import REASON, revoke
from tokenauth.models import isolation, users
from tokenauth.models.family import TokenFamilyQuerySet
from tokenauth.revocation.subjects import Subject
from tokenauth.tokens.keyring import database

#: Rows that one action revokes at most.
MOST_AT_ONCE = 500
#: Rows that the page before it names, and processes that the page after it does.
MOST_NAMED = 20
#: Seconds beyond the bound that an administrator waits for the slowest process, and how long at most.
MORE_THAN_THE_BOUND, LONGEST_WAIT = 0.5, 5

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object

#: What is done to one row: the reason and the actor are for the trail.
Deed = Callable[[Any, str, str], object]


class ReasonForm(forms.Form):
    """Why, for the trail."""

    reason = forms.CharField(
        max_length=REASON, label=_("Reason"), widget=forms.TextInput({"class": "vTextField"})
    )


class ReadOnlyAdmin(SearchedList):
    """Rows that only the flows write."""

    def describe(self, row: Any) -> str:
        """Return what the page before a revocation calls a row that was prepared."""
        return str(row)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RevokingMixin(Base):
    """Adds the actions that revoke the selected rows. They need the permission `tokenauth.revoke`."""

    #: Whether one row stands for everybody's sessions: the model's change permission is needed too.
    reaches_everybody = False
    #: What an action is called on the page of one row; only these are offered there.
    of_one: dict[str, str | Promise] = {}
    #: Those of them that need not warn by their colour.
    ends_nothing: frozenset[str] = frozenset()
    change_form_template = "admin/tokenauth/change_form.html"

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may revoke: asked by Django for the action."""
        needed = ["tokenauth.revoke"]
        if self.reaches_everybody:
            needed.append(f"tokenauth.change_{self.model._meta.model_name}")
        return request.user.has_perms(needed)

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        page = self.admin_site.admin_view(self.act_on_one)
        return [path("<path:object_id>/act/<str:action>/", page, name=name), *super().get_urls()]

    def act_on_one(self, request: HttpRequest, object_id: str, action: str) -> HttpResponse:
        """Do to one row what the list does to those that were selected, and go back to its page."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row) or action not in self._offered(request):
            raise PermissionDenied
        deed = getattr(self, action)
        answer: HttpResponse | None = deed(request, self.get_queryset(request).filter(pk=row.pk))
        return answer or HttpResponseRedirect(page_of(self, row.pk))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if row := kwargs.get("obj"):
            context["deeds"] = [
                {
                    "title": title,
                    "url": page_of(self, row.pk, "act", action),
                    "ends": action not in self.ends_nothing,
                }
                for action, title in self._offered(request).items()
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def _offered(self, request: HttpRequest) -> dict[str, str | Promise]:
        allowed = self.get_actions(request)
        return {action: title for action, title in self.of_one.items() if action in allowed}


def page_of(model_admin: "admin.ModelAdmin[Any]", pk: Any, name: str = "change", *args: str) -> str:
    """Return the address of a row's page, or of another page about it."""
    options = model_admin.opts
    page = f"admin:{options.app_label}_{options.model_name}_{name}"
    return reverse(page, args=[quote(pk), *args], current_app=model_admin.admin_site.name)


def actor_of(request: HttpRequest) -> str:
    """Return what the trail calls the administrator."""
    return f"admin:{users.key_of(request.user)}"  # type: ignore[arg-type]


def revoking(subject_of: Callable[[Any], Subject]) -> Deed:
    """Return the deed that revokes a row's subject."""
    return lambda row, reason, actor: revoke(subject_of(row), reason=reason, actor=actor)


def confirmed(
    model_admin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    selected: QuerySet[Any] | list[Any],
    *,
    action: str,
    deed: Deed,
    title: str | Promise = "",
    sessions_of: Callable[[Sequence[Any]], TokenFamilyQuerySet] | None = None,
    one_each: Callable[[Any], object] = lambda row: row,
) -> HttpResponse | None:
    """Do something to each selected row, once a page that shows them was answered with a reason.

    Args:
        action: The action's name.
        title: What the page calls it, where neither the list nor the row's page does.
        sessions_of: The sessions that end with the rows, for the page to count.
        one_each: What tells two rows apart; of those that it does not, the first stands for all.

    Side effects of the answer: for each row its order and event, and an entry in the admin's own log.
    """
    found = list(selected[: MOST_AT_ONCE + 1])
    rows = list({one_each(row): row for row in reversed(found[:MOST_AT_ONCE])}.values())[::-1]
    title = title or _title(model_admin, request, action)
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    if form.is_valid() and rows:
        _do(model_admin, request, rows, deed, f"{title}: ", form)
        return None

    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "back": _back(model_admin, request),
        "opts": model_admin.model._meta,
        "form": form,
        "action": action,
        "checkbox": ACTION_CHECKBOX_NAME,
        "rows": rows,
        "named": _described(model_admin, rows[:MOST_NAMED]),
        "bound": conf.current().STALENESS_BOUND,
        "unnamed": max(len(rows) - MOST_NAMED, 0),
        "most": MOST_AT_ONCE if len(found) > MOST_AT_ONCE else None,
        "sessions": _live(sessions_of(rows)) if sessions_of else None,
        "media": model_admin.media,
    }
    return TemplateResponse(request, "admin/tokenauth/revoke.html", context)


def _do(
    model_admin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    rows: Iterable[Any],
    deed: Deed,
    what: str,
    form: ReasonForm,
) -> None:
    reason, actor = form.cleaned_data["reason"], actor_of(request)
    done, order_ids = 0, []
    for row in rows:
        try:
            with isolation.read_committed(using=database()):
                outcome = deed(row, reason, actor)
                model_admin.log_change(request, row, what + reason)
        except LookupError:
            messages.warning(request, _("%(row)s is no longer there.") % {"row": row})
        else:
            done += 1
            if isinstance(outcome, Revoked):
                order_ids.append(outcome.order_id)
    text = ngettext("%(count)d was revoked.", "%(count)d were revoked.", done) % {"count": done}
    messages.success(request, text)
    if order_ids:
        _say_who_has_applied_it(request, order_ids)


def _say_who_has_applied_it(request: HttpRequest, order_ids: Sequence[int]) -> None:
    bound = conf.current().STALENESS_BOUND
    if not applied.can_wait():
        text = _("It takes effect once this request commits, and everywhere within %(bound)g s.")
        messages.info(request, text % {"bound": bound})
        return
    found = applied.everywhere(order_ids, seconds=min(bound + MORE_THAN_THE_BOUND, LONGEST_WAIT))
    if not found.of:  # no process says anything of itself here
        return
    text = _("Refused by %(by)d of %(of)d processes after %(seconds).1f s.")
    facts: dict[str, Any] = {"by": found.by, "of": found.of, "seconds": found.seconds}
    if not found.missing:
        messages.success(request, text % facts)
        return
    left = _("Not heard of: %(names)s.") % {"names": ", ".join(found.missing[:MOST_NAMED])}
    messages.warning(request, f"{text % facts} {left}")


def _on_page_of(request: HttpRequest) -> str | None:
    match = request.resolver_match
    return match.kwargs.get("object_id") if match else None


def _back(model_admin: "admin.ModelAdmin[Any]", request: HttpRequest) -> str:
    if one := _on_page_of(request):
        return page_of(model_admin, unquote(one))
    options = model_admin.opts
    page = f"admin:{options.app_label}_{options.model_name}_changelist"
    return reverse(page, current_app=model_admin.admin_site.name)


def _title(model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, action: str) -> str:
    if _on_page_of(request) and (title := getattr(model_admin, "of_one", {}).get(action)):
        return str(title)
    found = model_admin.get_actions(request).get(action)
    if not found:
        return action
    # a tuple until Django 6.0
    return str(getattr(found, "description", None) or found[2])


def _described(model_admin: "admin.ModelAdmin[Any]", rows: list[Any]) -> list[str]:
    if not isinstance(model_admin, ReadOnlyAdmin):
        return [str(row) for row in rows]
    model_admin.prepare(rows)
    return [model_admin.describe(row) for row in rows]


def _live(sessions: TokenFamilyQuerySet) -> str:
    # a client may have millions that ended: no more rows are read than are counted
    stored = bounded_count(sessions)
    if isinstance(stored, OrMore):
        return str(stored)
    return str(bounded_count(sessions.live(at=timezone.now())))
