"""A client's new secret in the admin: asked for by one page, shown by the answer and never again."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tokenauth.admin.revoking import actor_of, page_of
from tokenauth.flows import clients
from tokenauth.models import Client, ClientSecret
from tokenauth.observability.hidden import Hidden
from tokenauth.tokens.keyring import database

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

TEMPLATE = "admin/tokenauth/new_secret.html"
#: Days after which a secret may end at the latest, where it is to end.
MOST_DAYS = 3_650


class SecretForm(forms.Form):
    """When it ends."""

    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        label=gettext_lazy("Ends after so many days"),
        help_text=gettext_lazy("Left empty, it lives until it is retired."),
    )
    #: Sent by the page alone: to choose the action makes nothing.
    asked = forms.CharField(widget=forms.HiddenInput, initial="yes")


def made(model_admin: "ModelAdmin[Client]", request: HttpRequest, client: Client) -> HttpResponse:
    """Ask whether a client shall have another secret; make it once that was answered, and show it.

    Side effects of the answer: event `secret_made`, and an entry in the admin's own log; neither has it.
    """
    form = SecretForm(request.POST if "asked" in request.POST else None)
    if form.is_valid():
        days = form.cleaned_data["days"]
        ends = timezone.now() + timedelta(days=days) if days else None
        try:
            secret = Hidden(clients.make_secret(client, actor=actor_of(request), expires_at=ends))
        except clients.TooManySecrets:
            pass  # somebody else was first: the page says how many there are
        else:
            model_admin.log_change(request, client, _("Made the secret …%s.") % secret[-4:])
            return _page(model_admin, request, client, {"secret": secret, "ends": ends})
    return _page(model_admin, request, client, {"form": form, **_standing(client)})


def _standing(client: Client) -> dict[str, Any]:
    live = ClientSecret.objects.using(database()).filter(client=client).live(at=timezone.now())
    tails = list(live.order_by("-id").values_list("tail", flat=True)[: clients.MOST_LIVE])
    return {
        "live": tails,
        "is_full": len(tails) >= clients.MOST_LIVE,
        "most": clients.MOST_LIVE,
        "is_public": clients.is_public(client),
    }


def _page(
    model_admin: "ModelAdmin[Client]", request: HttpRequest, client: Client, more: dict[str, Any]
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Make a secret"),
        "opts": model_admin.opts,
        "client": client,
        "back": page_of(model_admin, client.pk),
        "checkbox": ACTION_CHECKBOX_NAME,
        "media": model_admin.media,
        **more,
    }
    # not even in the browser: who goes back, or opens it again, is to find nothing
    return TemplateResponse(request, TEMPLATE, context, headers={"Cache-Control": "private, no-store"})


def only_one(request: HttpRequest, selected: Any) -> Client | None:
    """Return the client that was selected; None, and a message, where it is not one."""
    found = list(selected[:2])
    if len(found) == 1:
        client: Client = found[0]
        return client
    messages.error(request, _("Select one client: each secret is shown by itself."))
    return None
