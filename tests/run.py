"""
What `make test` runs: the tests on SQLite, and beside them the static checks and the tests on PostgreSQL.

Every job runs whatever became of the others; one that fails fails the whole, and the closing lines say
which stacks were tested, which were not, and how many tests passed where.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TextIO

from tests import counts, jobs
from tests.docs import threats
from tests.jobs import ROOT, Job
from tests.stacks import BIN, Missing

REPORTS = ROOT / "var" / "tests"
#: Jobs that run beside each other; of CI's many wait for servers and clocks, and leave a core idle.
AT_ONCE, AT_ONCE_IN_CI = 2, 3
SELECTIONS = {
    "quick": jobs.quick,
    "slow": jobs.slow,
    "all": lambda: jobs.quick() + jobs.slow(),
    "sites": jobs.sites,
    "stacks": jobs.on_the_stacks,
    "ci": jobs.ci,
}
#: Selections whose static checks another one has done.
UNCHECKED = {"slow", "sites", "stacks"}
#: pytest's word for a selection that is empty.
NOTHING_COLLECTED = 5

CHECKS = {
    "ruff check": [BIN / "ruff", "check", "."],
    "ruff format": [BIN / "ruff", "format", "--check", "."],
    "import contracts": [BIN / "lint-imports"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
    "types": [BIN / "mypy"],
}

_CHILDREN: list[subprocess.Popen[bytes]] = []
_PRINTING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was run: `passed` is None where it could not run, `note` says why."""

    name: str
    passed: bool | None
    note: str
    #: Whether a machine may do without it.
    is_optional: bool = False

    def __str__(self) -> str:
        word = {True: "passed", False: "FAILED", None: "NOT RUN"}[self.passed]
        return f"{self.name:<42}{word:<9}{self.note}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("selection", choices=[*SELECTIONS, "table"])
    parser.add_argument("--require-postgres", action="store_true", help="fail where it does not answer")
    asked = parser.parse_args()
    if asked.selection == "table":
        return _closed([], sorted(REPORTS.glob("*.xml")))
    signal.signal(signal.SIGTERM, _stop)
    REPORTS.mkdir(parents=True, exist_ok=True)

    chosen = SELECTIONS[asked.selection]()
    steps: list[Step] = []
    with ThreadPoolExecutor(AT_ONCE_IN_CI if asked.selection == "ci" else AT_ONCE) as pool:
        # the first one is watched as it runs, the others are shown when they are done
        running = [pool.submit(_run_job, chosen[0], is_watched=True)]
        checks = None if asked.selection in UNCHECKED else pool.submit(_checked)
        running += [pool.submit(_run_job, job, is_watched=False) for job in chosen[1:]]
        steps += checks.result() if checks else []
        steps += [done.result() for done in running]

    reports = [report for job in chosen if (report := _report_of(job)).exists()]
    return _closed(steps, reports, require_postgres=asked.require_postgres)


def _closed(steps: Iterable[Step], reports: list[Path], *, require_postgres: bool = False) -> int:
    print(f"\n{' closing lines ':=^79}")
    for step in steps:
        print(step)
    # a date that passes must not turn a build red
    if reminder := threats.overdue(date.today()):
        print(reminder)
    if reports:
        print(f"\n{counts.of(reports).table()}")
    fails = {step.passed is False or (step.passed is None and not step.is_optional) for step in steps}
    return int(any(fails) if require_postgres else any(step.passed is False for step in steps))


def _checked() -> list[Step]:
    """Each static check after the other; prints what a failed one said."""
    steps = []
    for name, command in CHECKS.items():
        started = time.monotonic()
        environment = {**os.environ, "DATABASE_URL": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        steps.append(Step(name, done.returncode == 0, f"{time.monotonic() - started:.0f} s"))
        if done.returncode:
            with _PRINTING:
                print(done.stdout + done.stderr, flush=True)
    return steps


def _run_job(job: Job, *, is_watched: bool) -> Step:
    report = _report_of(job)
    report.unlink(missing_ok=True)
    try:
        command, environment = job.command(report), job.environment()
    except Missing as missing:
        return Step(job.title, None, str(missing), job.is_optional)
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as kept:
        if is_watched:
            print(_headline(job), flush=True)
        code, cores = _run(command, environment, output=None if is_watched else kept)
        if not is_watched:
            kept.seek(0)
            with _PRINTING:
                print(f"{_headline(job)}\n{kept.read()}", flush=True)
    passed = code == 0 or (job.may_be_empty and code == NOTHING_COLLECTED)
    note = f"{time.monotonic() - started:4.0f} s, {cores:4.0f} s of a core"
    return Step(job.title, passed, note, job.is_optional)


def _headline(job: Job) -> str:
    return f"\n{f' {job.title} ':=^79}"


def _report_of(job: Job) -> Path:
    return REPORTS / f"{re.sub('[^a-z0-9]+', '-', job.title.lower())}.xml"


def _run(command: list[str], environment: dict[str, str], *, output: TextIO | None) -> tuple[int, float]:
    """Run to the end; return the exit code and the seconds of a core that it and its children took.

    A terminal's interrupt reaches the child by itself, a SIGTERM is handed on.
    """
    with subprocess.Popen(
        command, env=environment, stdout=output, stderr=output and subprocess.STDOUT
    ) as child:
        _CHILDREN.append(child)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, used.ru_utime + used.ru_stime


def _stop(number: int, frame: object) -> None:
    for child in _CHILDREN:
        child.send_signal(signal.SIGINT)  # pytest then removes its database
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
