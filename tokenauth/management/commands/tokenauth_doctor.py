"""What is wrong with this site, and what to do; it changes nothing."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokenauth import doctor
from tokenauth.doctor import Finding, Level
from tokenauth.doctor.examinations import EXAMINATIONS, PATIENCE

#: Seconds that one examination may be given.
MOST = 600
#: Exit statuses.
ERRORS, WARNINGS = 1, 2
_WIDTH = max(len(each.name) for each in EXAMINATIONS)


class Command(BaseCommand):
    help = "Examine everything that tokenauth depends on; change nothing."
    # they are examined too: an error must give a report, not stop it
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")
        parser.add_argument(
            "--fail-level",
            choices=["warning", "error"],
            default="error",
            help=f"exit status {ERRORS} for errors; {WARNINGS} for warnings alone, if this says 'warning'",
        )
        parser.add_argument(
            "--timeout",
            type=_seconds,
            default=PATIENCE,
            metavar="SECONDS",
            help=f"for each examination; default {PATIENCE:g}",
        )

    def handle(self, *, json: bool, fail_level: str, timeout: float, **options: Any) -> None:
        found = doctor.examine(timeout)
        if json:
            self.stdout.write(_as_json(found))
        else:
            for finding in found:
                self.stdout.write(_line(finding))
        self._judge(found, fail_level)

    def _judge(self, found: Sequence[Finding], fail_level: str) -> None:
        errors, warnings = _count(found, Level.ERROR), _count(found, Level.WARNING)
        if errors:
            raise CommandError(f"errors: {errors}, warnings: {warnings}", returncode=ERRORS)
        if warnings and fail_level == "warning":
            raise CommandError(f"warnings: {warnings}", returncode=WARNINGS)


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MOST:
        raise argparse.ArgumentTypeError(f"give more than 0 and at most {MOST} seconds")
    return seconds


def _count(found: Sequence[Finding], level: Level) -> int:
    return sum(finding.level is level for finding in found)


def _line(finding: Finding) -> str:
    mend = f" -> {finding.mend}" if finding.mend else ""
    return f"{finding.level:<9}{finding.about:<{_WIDTH + 2}}{finding.text}{mend}"


def _as_json(found: Sequence[Finding]) -> str:
    worst = next((level for level in (Level.ERROR, Level.WARNING) if _count(found, level)), Level.OK)
    shown = [
        {"about": each.about, "level": each.level, "text": each.text, "mend": each.mend} for each in found
    ]
    return json.dumps({"level": worst, "findings": shown}, indent=2)
