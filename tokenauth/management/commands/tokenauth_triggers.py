"""The trigger on the user's table, by hand: `migrate` installs it by itself."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokenauth.revocation import account_triggers


class Command(BaseCommand):
    help = "Install, remove or check the trigger by which a changed account ends its tokens."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["install", "remove", "check"])

    def handle(self, *, action: str, **options: Any) -> None:
        if (reason := account_triggers.why_not()) is not None and action != "remove":
            raise CommandError(f"Signals do it here: {reason}.")
        match action:
            case "install":
                done = account_triggers.install()
                self.stdout.write("Installed." if done else "It was there already.")
            case "remove":
                account_triggers.remove()
                self.stdout.write("Removed: processes that start from now on rely on signals.")
            case "check":
                if not account_triggers.is_current():
                    raise CommandError(
                        "It is missing or of another release: run `tokenauth_triggers install`."
                    )
                self.stdout.write("It is there.")
