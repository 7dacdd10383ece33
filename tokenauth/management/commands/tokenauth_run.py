"""The housekeeping jobs by hand or from cron, where there is no Celery."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import JOBS, LeasedByAnother, NotDue, Ran


class Command(BaseCommand):
    help = "Run housekeeping jobs that are due; two at once do no harm."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", nargs="*", help=" | ".join(JOBS))
        parser.add_argument("--all", action="store_true", help="every job")
        parser.add_argument("--force", action="store_true", help="also what is not due yet")

    def handle(self, *, job: list[str], all: bool, force: bool, **options: Any) -> None:
        names = list(JOBS) if all else job
        if not names:
            raise CommandError(f"name a job ({', '.join(JOBS)}) or say --all")
        if unknown := [name for name in names if name not in JOBS]:
            raise CommandError(f"there is no job {unknown[0]!r}: {', '.join(JOBS)}")
        failed = [name for name in names if not self._ran(name, force=force)]
        if failed:
            raise CommandError(f"failed: {', '.join(failed)}")

    def _ran(self, name: str, *, force: bool) -> bool:
        try:
            outcome = housekeeping.run(name, force=force)
        except Exception as failure:  # the others must not wait for the one that is broken
            self.stderr.write(f"{name}: {type(failure).__name__}: {failure}")
            return False
        self.stdout.write(f"{name}: {_in_words(outcome)}")
        return True


def _in_words(outcome: Ran | NotDue | LeasedByAnother) -> str:
    match outcome:
        case Ran(rows, finished):
            return f"{rows} rows" if finished else f"{rows} rows, and more is left: run it again"
        case NotDue(until):
            return f"not due before {until.isoformat(sep=' ', timespec='seconds')}"
        case LeasedByAnother():
            return "another process runs it"
