"""Clients and their secrets."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from tokenauth.admin import new_secret
from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, actor_of, confirmed, revoking
from tokenauth.admin.searching import Columns, SearchedList
from tokenauth.flows import clients
from tokenauth.models import Client, ClientSecret, TokenFamily
from tokenauth.models.family import TokenFamilyQuerySet
from tokenauth.policy import builtin
from tokenauth.revocation.subjects import OfClient


class ClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """A client, with the policies in force to choose from."""

    policy = forms.ChoiceField(required=False)

    class Meta:
        model = Client
        fields = ("client_id", "name", "kind", "first_party", "policy", "audiences", "scopes", "acr")
        help_texts = {
            "client_id": _("What the application calls itself in each request; it never changes."),
            "first_party": _("It may ask users for their passwords."),
            "audiences": _('What its tokens may be for, as a list: ["https://api.example.org"].'),
            "scopes": _('What its tokens may allow, as a list: ["orders:read"].'),
            "acr": _(
                "Of a resource server: the classes of login of which its tokens must name one, as a list."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in builtin.all_names()]
        if isinstance(field := self.fields.get("policy"), forms.ChoiceField):
            field.choices = [("", _("the default")), *names]

    def clean_audiences(self) -> list[str]:
        return _list_of_texts(self.cleaned_data["audiences"])

    def clean_scopes(self) -> list[str]:
        return _list_of_texts(self.cleaned_data["scopes"])

    def clean_acr(self) -> list[str]:
        return _list_of_texts(self.cleaned_data["acr"])


def _list_of_texts(value: object) -> list[str]:
    # a space separates values wherever they are stored together
    if not isinstance(value, list) or not all(isinstance(v, str) and v and " " not in v for v in value):
        raise forms.ValidationError(_("A list of texts without spaces is needed."))
    return value


@admin.register(Client)
class ClientAdmin(RevokingMixin, SearchedList):
    """Applications. Never deleted while tokens of theirs can live: disable them."""

    form = ClientForm
    fields = (
        "client_id",
        "name",
        "kind",
        "first_party",
        "policy",
        "audiences",
        "scopes",
        "acr",
        "disabled_at",
    )
    list_display = ("client_id", "name", "kind", "policy", "first_party", "disabled_at")
    list_filter = ("kind", "first_party", "policy")
    search_fields = ("client_id",)
    search_help_text = _("A client's id, or how that or its name begins.")
    columns = Columns(texts=("client_id__startswith", "name__startswith"))
    ordering = ("client_id",)
    actions = ("revoke_clients", "disable_clients", "enable_clients", "make_secret")
    of_one = {
        "revoke_clients": _("Revoke all its sessions"),
        "disable_clients": _("Disable it"),
        "make_secret": _("Make a secret"),
    }
    ends_nothing = frozenset({"make_secret"})
    reaches_everybody = True

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("client_id", "disabled_at") if obj else ("disabled_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.action(description=_("Revoke all sessions of the selected clients"), permissions=["revoke"])
    def revoke_clients(self, request: HttpRequest, selected: QuerySet[Client]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="revoke_clients",
            deed=revoking(lambda client: OfClient(client.client_id)),
            sessions_of=_sessions,
        )

    @admin.action(description=_("Disable the selected clients"), permissions=["revoke"])
    def disable_clients(self, request: HttpRequest, selected: QuerySet[Client]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected,
            action="disable_clients",
            deed=revoking(lambda client: OfClient(client.client_id, disable=True)),
            sessions_of=_sessions,
        )

    @admin.action(description=_("Enable the selected clients"), permissions=["revoke"])
    def enable_clients(self, request: HttpRequest, selected: QuerySet[Client]) -> None:
        for client in selected:
            clients.enable(client, actor=actor_of(request))
            self.log_change(request, client, str(_("Enabled.")))
        messages.success(request, _("They may ask for tokens again; what was revoked stays dead."))

    @admin.action(description=_("Make a secret of the selected client"), permissions=["change"])
    def make_secret(self, request: HttpRequest, selected: QuerySet[Client]) -> HttpResponse | None:
        client = new_secret.only_one(request, selected)
        return new_secret.made(self, request, client) if client is not None else None


@admin.register(ClientSecret)
class ClientSecretAdmin(RevokingMixin, ReadOnlyAdmin):
    """Secrets by their last four characters; which one was last used when."""

    list_display = ("client", "tail", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("client",)
    list_select_related = ("client",)
    search_fields = ("tail",)
    search_help_text = _("A client's id, or a secret's last four characters.")
    columns = Columns(texts=("tail",), client="client_id")
    ordering = ("-id",)
    actions = ("retire_secrets",)
    of_one = {"retire_secrets": _("Retire this secret")}
    reaches_everybody = True

    @admin.action(description=_("Retire the selected secrets"), permissions=["revoke"])
    def retire_secrets(self, request: HttpRequest, selected: QuerySet[ClientSecret]) -> HttpResponse | None:
        return confirmed(
            self,
            request,
            selected.select_related("client"),
            action="retire_secrets",
            deed=lambda secret, reason, actor: clients.retire_secret(secret, actor=actor),
        )


def _sessions(rows: Sequence[Client]) -> TokenFamilyQuerySet:
    return TokenFamily.objects.filter(client_id__in=[client.pk for client in rows])
