"""
What `make test` runs: the tests on SQLite, and beside them the static checks and the tests on PostgreSQL.

Every step runs whatever became of the others; one that fails fails the whole, and the closing lines
say which back ends were tested and which were not.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TextIO

import psycopg

from tests.docs import threats

BIN = Path(sys.executable).parent
USUAL = "postgres://postgres@127.0.0.1:5432/postgres"
SELECTION = {"quick": ["-m", "not slow"], "slow": ["-m", "slow"], "all": []}
#: A selection may be empty on one back end; pytest's word for it.
NOTHING_COLLECTED = 5

CHECKS = {
    "ruff check": [BIN / "ruff", "check", "."],
    "ruff format": [BIN / "ruff", "format", "--check", "."],
    "import contracts": [BIN / "lint-imports"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
    "types": [BIN / "mypy"],
}


_CHILDREN: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was run: `passed` is None where it could not run, `note` says why."""

    name: str
    passed: bool | None
    note: str

    def __str__(self) -> str:
        word = {True: "passed", False: "FAILED", None: "NOT RUN"}[self.passed]
        return f"{self.name:<24}{word:<9}{self.note}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("selection", choices=SELECTION)
    parser.add_argument("--require-postgres", action="store_true", help="fail where it does not answer")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)

    with (
        tempfile.TemporaryFile("w+") as report,
        tempfile.TemporaryFile("w+") as beside,
        ThreadPoolExecutor(max_workers=1) as pool,
    ):
        checks = None if asked.selection == "slow" else _start_checks(report)
        on_postgres = pool.submit(_on_postgres, asked.selection, beside)
        steps = [_tests("tests on SQLite", asked.selection, url="")]
        if checks:
            steps = _checks_done(checks, report) + steps
        steps.append(on_postgres.result())
        beside.seek(0)
        print(beside.read())

    print(f"\n{' closing lines ':=^79}")
    for step in steps:
        print(step)
    # a date that passes must not turn a build red
    if reminder := threats.overdue(date.today()):
        print(reminder)
    fatal = {False, None} if asked.require_postgres else {False}
    return int(any(step.passed in fatal for step in steps))


def run_checks() -> int:
    """Each static check after the other; prints a line for each and what a failed one said."""
    for name, command in CHECKS.items():
        started = time.monotonic()
        done = subprocess.run(command, env=_environment(""), capture_output=True, text=True, check=False)
        print(f"{name}\t{done.returncode}\t{time.monotonic() - started:.0f} s", flush=True)
        if done.returncode:
            print(done.stdout + done.stderr, flush=True)
    return 0


def _start_checks(report: TextIO) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "import tests.run; tests.run.run_checks()"]
    return subprocess.Popen(command, stdout=report, stderr=subprocess.STDOUT, text=True)


def _checks_done(checks: subprocess.Popen[str], report: TextIO) -> list[Step]:
    checks.wait()
    report.seek(0)
    steps = []
    for line in report:
        name, _, rest = line.rstrip("\n").partition("\t")
        if name in CHECKS:
            code, _, took = rest.partition("\t")
            steps.append(Step(name, code == "0", took))
        else:
            print(line, end="")
    missing = CHECKS.keys() - {step.name for step in steps}
    return steps + [Step(name, False, "did not finish") for name in sorted(missing)]


def _tests(name: str, selection: str, *, url: str, output: TextIO | None = None) -> Step:
    print(f"\n{f' {name} ':=^79}", flush=True, file=output)
    command: list[str] = [sys.executable, "-m", "pytest", *SELECTION[selection]]
    if selection == "quick" and not url:
        command += ["--cov", "--cov-report=term", "--cov-fail-under=90"]
    started = time.monotonic()
    code = _run(command, env=_environment(url), output=output)
    passed = code == 0 or (selection == "slow" and code == NOTHING_COLLECTED)
    return Step(name, passed, f"{time.monotonic() - started:.0f} s")


def _on_postgres(selection: str, output: TextIO) -> Step:
    given = os.environ.get("DATABASE_URL", "")
    url = given if given.startswith("postgres") else USUAL
    name = "tests on PostgreSQL"
    try:
        version = _server_version(url)
    except psycopg.OperationalError as error:
        return Step(name, None, f"no answer: {str(error).splitlines()[0]}")
    step = _tests(name, selection, url=url, output=output)
    return Step(name, step.passed, f"{step.note}, PostgreSQL {version}")


def _server_version(url: str) -> int:
    # the database that the URL names need not exist: the tests make their own beside it
    with psycopg.connect(url, dbname="postgres", connect_timeout=3) as connection:
        return connection.info.server_version // 10_000


def _run(command: Sequence[str], *, env: dict[str, str], output: TextIO | None) -> int:
    """Run to the end. A terminal's interrupt reaches the child by itself, a SIGTERM is handed on."""
    with subprocess.Popen(command, env=env, stdout=output, stderr=output and subprocess.STDOUT) as child:
        _CHILDREN.append(child)
        return child.wait()


def _stop(number: int, frame: object) -> None:
    for child in _CHILDREN:
        child.send_signal(signal.SIGINT)  # pytest then removes its database
    sys.exit(128 + number)


def _environment(url: str) -> dict[str, str]:
    return {**os.environ, "DATABASE_URL": url}


if __name__ == "__main__":
    sys.exit(main())
