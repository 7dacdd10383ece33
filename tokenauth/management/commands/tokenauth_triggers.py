"""The triggers by hand: `migrate` installs them by itself."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokenauth.audit import append_only
from tokenauth.revocation import account_triggers

_MISSING = "{} missing or of another release: run `tokenauth_triggers install`."


class Command(BaseCommand):
    help = (
        "Install, remove or check the trigger by which a changed account ends its tokens, and those that "
        "keep the trail append-only."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["install", "remove", "check"])

    def handle(self, *, action: str, **options: Any) -> None:
        match action:
            case "install":
                self._install()
            case "remove":
                self._remove()
            case "check":
                self._check()

    def _install(self) -> None:
        if append_only.is_wanted():
            self._say("Trail", append_only.install())
        self._refuse_where_signals_do_it()
        self._say("Accounts", account_triggers.install())

    def _remove(self) -> None:
        if append_only.is_known_here():
            append_only.remove()
        account_triggers.remove()
        self.stdout.write("Removed: processes that start from now on rely on signals.")

    def _check(self) -> None:
        if append_only.is_wanted() and not append_only.is_current():
            raise CommandError(_MISSING.format("The trail's are"))
        self._refuse_where_signals_do_it()
        if not account_triggers.is_current():
            raise CommandError(_MISSING.format("The accounts' is"))
        self.stdout.write("They are there.")

    def _refuse_where_signals_do_it(self) -> None:
        if (reason := account_triggers.why_not()) is not None:
            raise CommandError(f"Signals do it here: {reason}.")

    def _say(self, whose: str, done: bool) -> None:
        self.stdout.write(f"{whose}: installed." if done else f"{whose}: there already.")
