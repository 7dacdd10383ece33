"""Rows that belong to a user: shown with his name, which one query a page finds."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.people import Person, key_in, name_of, people
from tokenauth.admin.revoking import ReadOnlyAdmin


class OwnedAdmin(ReadOnlyAdmin):
    """Adds the columns `user` and `by`, whom one query finds for all rows."""

    #: The column of user keys.
    owner = "user_key"

    def prepare(self, rows: Sequence[Any]) -> None:
        actors = [key_in(actor) for row in rows if (actor := getattr(row, "actor", ""))]
        known = people([*(getattr(row, self.owner) for row in rows), *actors])
        for row in rows:
            row.person, row.known = known.get(getattr(row, self.owner)), known

    @admin.display(description=_("user"))
    def user(self, row: Any) -> SafeString | str:
        person: Person | None = getattr(row, "person", None)
        return person.link(self.admin_site) if person else self.get_empty_value_display()

    @admin.display(description=_("by"))
    def by(self, row: Any) -> str:
        return name_of(row.actor, getattr(row, "known", {})) or self.get_empty_value_display()
