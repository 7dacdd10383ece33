"""The revocation plane: who follows it, how fast, and what to do after a restore."""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokenauth.flows import plane
from tokenauth.flows.plane import LONGEST_PROBE, Process, Status

ACTOR = "manage.py tokenauth_plane"
_COLUMNS = ("process", "number", "behind", "age", "heard", "rules", "release", "notifier")
_NOBODY = "No process has a mirror: none has checked a token yet, or their mirrors have no threads."


class Command(BaseCommand):
    help = "Show who follows revocations and how fast; begin a new epoch after a restore."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="action")

        status = actions.add_parser("status", help="ask every process how far it is")
        status.add_argument("--json", action="store_true", help="for programs")

        actions.add_parser("check", help="exit status 1 where one lags or goes by other rules")

        probe = actions.add_parser("probe", help="revoke what nobody has and time every process")
        probe.add_argument(
            "--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="to wait; default 5"
        )

        epoch = actions.add_parser("new-epoch", help="after a restore: end all sessions, begin anew")
        epoch.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        does: dict[str, Callable[..., None]] = {
            "status": self._status,
            "check": self._check,
            "probe": self._probe,
            "new-epoch": self._new_epoch,
        }
        does[action](**options)

    def _status(self, *, json: bool, **_: Any) -> None:
        found = plane.status()
        for line in [_as_json(found)] if json else _as_text(found):
            self.stdout.write(line)

    def _check(self, **_: Any) -> None:
        found = plane.status()
        faults = plane.faults(found)
        for fault in faults:
            self.stdout.write(fault)
        if faults:
            raise CommandError(f"faults: {len(faults)}")
        current = len(found.processes)
        self.stdout.write(f"{current} of {current} processes are current." if current else _NOBODY)

    def _probe(self, *, timeout: float, **_: Any) -> None:
        found = plane.probe(timeout=timeout, actor=ACTOR)
        if not found.of:
            raise CommandError(_NOBODY)
        if found.median is not None and found.worst is not None:
            self.stdout.write(f"median {found.median * 1000:.0f} ms, worst {found.worst * 1000:.0f} ms")
        refused = f"refused by {len(found.took)} of {found.of}"
        if found.missing:
            raise CommandError(f"{refused}; not within {timeout:g} s: {', '.join(found.missing)}")
        self.stdout.write(refused)

    def _new_epoch(self, *, yes: bool, **_: Any) -> None:
        if not yes:
            self._confirm()
        begun = plane.new_epoch(actor=ACTOR)
        self.stdout.write(f"Epoch {begun.epoch} of plane {begun.plane_id}: everybody has to log in again.")

    def _confirm(self) -> None:
        self.stdout.write("Every session of the site ends: everybody has to log in again.")
        try:
            answer = input("Type 'new epoch' to go on: ")
        except EOFError:
            raise CommandError("Nobody is there to confirm: give --yes.") from None
        if answer.strip() != "new epoch":
            raise CommandError("Not confirmed: nothing was changed.")


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_PROBE:
        raise argparse.ArgumentTypeError(f"give more than 0 and at most {LONGEST_PROBE} seconds")
    return seconds


def _as_text(found: Status) -> Iterator[str]:
    yield f"plane {found.plane_id or 'not made yet'}, newest number {found.n}"
    yield f"orders without a number: {found.backlog}, longer than the bound: {found.backlog_late}"
    if found.last is not None:
        at = found.last.at.isoformat(sep=" ", timespec="seconds")
        yield f"last order: {found.last.kind}, number {found.last.number}, of {at}"
    if not found.processes:
        yield _NOBODY
        return
    rows = [_COLUMNS, *(_row(each) for each in found.processes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(each: Process) -> tuple[str, ...]:
    heard = f"{each.heard:.1f} s ago" + ("" if each.answered else ", not now")
    age, number, behind = f"{each.age:.3f} s", str(each.number), str(each.behind)
    return each.name, number, behind, age, heard, each.rules, each.release, each.notifier


def _as_json(found: Status) -> str:
    return json.dumps(asdict(found), default=str, indent=2)
