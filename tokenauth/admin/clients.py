"""Clients and their secrets."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.revoking import ReadOnlyAdmin, RevokingMixin, revoke_selected
from tokenauth.flows import clients
from tokenauth.models import Client, ClientSecret, users
from tokenauth.policy import builtin
from tokenauth.revocation.subjects import OfClient


class ClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """A client, with the policies in force to choose from."""

    policy = forms.ChoiceField(required=False)

    class Meta:
        model = Client
        fields = ("client_id", "name", "kind", "first_party", "policy", "audiences", "scopes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in builtin.all_names()]
        if isinstance(field := self.fields.get("policy"), forms.ChoiceField):
            field.choices = [("", _("the default")), *names]

    def clean_audiences(self) -> list[str]:
        return _list_of_texts(self.cleaned_data["audiences"])

    def clean_scopes(self) -> list[str]:
        return _list_of_texts(self.cleaned_data["scopes"])


def _list_of_texts(value: object) -> list[str]:
    # a space separates values wherever they are stored together
    if not isinstance(value, list) or not all(isinstance(v, str) and v and " " not in v for v in value):
        raise forms.ValidationError(_("A list of texts without spaces is needed."))
    return value


@admin.register(Client)
class ClientAdmin(RevokingMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Applications. Never deleted while tokens of theirs can live: disable them."""

    form = ClientForm
    list_display = ("client_id", "name", "kind", "policy", "first_party", "disabled_at")
    list_filter = ("kind", "first_party", "policy")
    search_fields = ("=client_id", "name")
    ordering = ("client_id",)
    show_full_result_count = False
    actions = ("revoke_clients", "disable_clients", "enable_clients")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("client_id",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.action(description=_("Revoke all sessions of the selected clients"), permissions=["revoke"])
    def revoke_clients(self, request: HttpRequest, selected: QuerySet[Client]) -> None:
        revoke_selected(request, selected, lambda client: OfClient(client.client_id))

    @admin.action(description=_("Disable the selected clients"), permissions=["revoke"])
    def disable_clients(self, request: HttpRequest, selected: QuerySet[Client]) -> None:
        revoke_selected(request, selected, lambda client: OfClient(client.client_id, disable=True))

    @admin.action(description=_("Enable the selected clients"), permissions=["revoke"])
    def enable_clients(self, request: HttpRequest, selected: QuerySet[Client]) -> None:
        for client in selected:
            clients.enable(client, actor=_actor(request))
        messages.success(request, _("They may ask for tokens again; what was revoked stays dead."))


@admin.register(ClientSecret)
class ClientSecretAdmin(RevokingMixin, ReadOnlyAdmin):
    """Secrets by their last four characters; which one was last used when."""

    list_display = ("client", "tail", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("client",)
    list_select_related = ("client",)
    search_fields = ("=client__client_id", "=tail")
    ordering = ("-created_at",)
    actions = ("retire_secrets",)

    @admin.action(description=_("Retire the selected secrets"), permissions=["revoke"])
    def retire_secrets(self, request: HttpRequest, selected: QuerySet[ClientSecret]) -> None:
        for secret in selected.select_related("client"):
            clients.retire_secret(secret, actor=_actor(request))
        messages.success(request, _("They are refused within the staleness bound."))


def _actor(request: HttpRequest) -> str:
    return f"admin:{users.key_of(request.user)}"  # type: ignore[arg-type]
