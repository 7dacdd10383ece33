"""Three groups for the admin, by what their members have to do."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

SUPPORT = "tokenauth support"
SECURITY = "tokenauth security"
AUDITOR = "tokenauth auditor"

#: Whom support helps: it ends sessions and devices; what reaches everybody needs more (see the admin).
_SUPPORT = {
    "revoke",
    "view_accountstate",
    "view_client",
    "view_device",
    "view_eventdetail",
    "view_revocationorder",
    "view_tokenevent",
    "view_tokenfamily",
}


class Command(BaseCommand):
    help = "Make the groups 'tokenauth support', 'tokenauth security' and 'tokenauth auditor', or mend them."

    def handle(self, **options: Any) -> None:
        known = {
            permission.codename: permission
            for permission in Permission.objects.filter(content_type__app_label="tokenauth")
        }
        if missing := _SUPPORT - known.keys():
            raise CommandError(f"Run 'migrate' first: there is no {', '.join(sorted(missing))}.")
        wanted = {
            SUPPORT: _SUPPORT,
            SECURITY: set(known),
            AUDITOR: {codename for codename in known if codename.startswith("view_")},
        }
        for name, codenames in wanted.items():
            _grant(name, [known[codename] for codename in codenames])
            self.stdout.write(f"{name}: {len(codenames)} permissions")


def _grant(name: str, permissions: list[Permission]) -> None:
    # what a site added from other apps stays
    with transaction.atomic():
        group, _made = Group.objects.get_or_create(name=name)
        others = Permission.objects.filter(group=group).exclude(content_type__app_label="tokenauth")
        group.permissions.set([*others, *permissions])
