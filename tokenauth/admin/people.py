"""Whose a row is: an operator knows users by name, the tables know them by key."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tokenauth.models import users


@dataclass(frozen=True, slots=True)
class Person:
    """The user whom a key stands for, as far as he is still there."""

    key: str
    pk: Any = None
    name: str = ""

    def link(self, site: AdminSite) -> SafeString:
        """Return his name, linked to his page where this admin site has one; his key where he is gone."""
        if self.pk is None:
            return format_html("{} <span class=tokenauth-quiet>{}</span>", self.key, _("(no such user)"))
        model = get_user_model()
        if not site.is_registered(model):
            return format_html("{}", self.name)
        page = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        url = reverse(page, args=[quote(self.pk)], current_app=site.name)
        return format_html('<a href="{}">{}</a>', url, self.name)


#: How the trail calls an administrator, before his key.
ADMIN = "admin:"


def key_in(actor: str) -> str:
    """Return the key of the user whom the trail's actor may be."""
    return actor.removeprefix(ADMIN)


def name_of(actor: str, known: dict[str, Person]) -> str:
    """Return an actor by name, as far as he is a user who is still there; else as the trail has him."""
    person = known.get(key_in(actor))
    if person is None or person.pk is None:
        return actor
    return _("%s (administrator)") % person.name if actor.startswith(ADMIN) else person.name


def people(keys: Iterable[str]) -> dict[str, Person]:
    """Return the users of these keys. One query, none where there is no key."""
    known = {key: Person(key) for key in keys if key}
    wanted = [pk for key in known if (pk := users.pk_of(key)) is not None]
    if not wanted:
        return known
    rows = get_user_model()._base_manager.using(users.database()).filter(pk__in=wanted)
    for user in rows.only("pk", get_user_model().USERNAME_FIELD):
        known[users.key_of(user)] = Person(users.key_of(user), user.pk, user.get_username())
    return known
