"""Verify the trail; forget a person in it."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokenauth.audit import erasure, verification
from tokenauth.models import users

#: Findings that are printed; the rest is counted.
SHOWN = 100


class Command(BaseCommand):
    help = "Verify every event of the trail, or erase what names one person in it."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="action")
        actions.add_parser("verify", help="name events that were changed and answers that have none")
        erase = actions.add_parser("erase", help="delete addresses, agents and names of one account's events")
        who = erase.add_mutually_exclusive_group(required=True)
        who.add_argument("--user", help="the name that he logs in with")
        who.add_argument("--key", help="his user key: the primary key of a user who is gone already")

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "verify":
            self._verify()
        else:
            self._erase(options["key"] or _key_of(options["user"]))

    def _verify(self) -> None:
        found = 0
        for finding in verification.faults():
            found += 1
            if found <= SHOWN:
                self.stdout.write(str(finding))
        if found:
            raise CommandError(f"{found} faults in the trail.")
        self.stdout.write("The trail holds.")

    def _erase(self, user_key: str) -> None:
        erased = erasure.erase(user_key)
        self.stdout.write(f"{erased} events name him no longer; the trail still verifies.")


def _key_of(name: str) -> str:
    model = get_user_model()
    user = model._base_manager.using(users.database()).filter(**{model.USERNAME_FIELD: name}).first()
    if user is None:
        raise CommandError("There is no such user; name one who is gone by --key.")
    return users.key_of(user)
