"""Rows that belong to a user: shown with his name, which one query a page finds."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tokenauth.admin.people import Person, people
from tokenauth.admin.revoking import ReadOnlyAdmin


class OwnedAdmin(ReadOnlyAdmin):
    """Adds the column `user`, and `prepare`s it."""

    def prepare(self, rows: Sequence[Any]) -> None:
        known = people(row.user_key for row in rows)
        for row in rows:
            row.person = known.get(row.user_key)

    @admin.display(description=_("user"))
    def user(self, row: Any) -> SafeString | str:
        person: Person | None = getattr(row, "person", None)
        return person.link(self.admin_site) if person else self.get_empty_value_display()
