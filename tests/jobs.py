"""What is run on which stack: each job is a process of its own, two of them at a time."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests import stacks
from tests.stacks import Stack

ROOT = Path(__file__).resolve().parent.parent
SITES = ROOT / "tests" / "sites"

QUICK, SLOW = ("-m", "not slow"), ("-m", "slow")
#: Without those that play flows statement by statement: no request is sent there for ATOMIC_REQUESTS to
#: wrap, and what a pooler takes away is missed at a flow's first statement.
WHOLE_FLOWS = ("-m", "not slow and (not stepwise or over_http)")
COVERAGE = ("--cov", "--cov-report=term", "--cov-fail-under=90")
#: What another database could decide otherwise; all else is one for all and runs on SQLite.
DATABASE_BOUND = ("--database-bound",)
GUARANTEES = ("tests/guarantees",)
FLOWS = ("tests/flows",)
#: The parts whose statements are written for each kind of database.
DIALECTS = ("tests/models", "tests/revocation")
#: Sites whose tests write SQL, and so meet a second kind of database.
SITES_WITH_SQL = ("property_active", "two_namespaces", "users_elsewhere", "uuid_user")


class Job(Protocol):
    """A process that passes or fails."""

    @property
    def title(self) -> str:
        """What it is called."""

    @property
    def is_optional(self) -> bool:
        """Whether a machine may do without it."""

    @property
    def may_be_empty(self) -> bool:
        """Whether a run that selects nothing is none that failed."""

    def command(self, report: Path) -> list[str]:
        """The whole command; pytest's report of it goes to a file.

        Raises:
            Missing: What it needs is not here.
        """

    def environment(self) -> dict[str, str]:
        """The environment of its processes.

        Raises:
            Missing: What it needs is not here.
        """


@dataclass(frozen=True, slots=True)
class Tests:
    """A run of pytest. `arguments` say of what."""

    stack: Stack
    arguments: Sequence[str]
    #: Beside the stack's name, where it has several jobs.
    name: str = ""
    may_be_empty: bool = False

    @property
    def title(self) -> str:
        return f"{self.stack.name}{', ' if self.name else ''}{self.name}"

    @property
    def is_optional(self) -> bool:
        return self.stack is not stacks.POSTGRES

    def command(self, report: Path) -> list[str]:
        reported = [f"--junitxml={report}", "-o", f"junit_suite_name={self.stack.name}"]
        return [*self.stack.pytest(), *reported, *self.arguments]

    def environment(self) -> dict[str, str]:
        return self.stack.environment()


@dataclass(frozen=True, slots=True)
class Breaks:
    """A share of the guarantees' breaks: each one's tests have to fail."""

    share: str
    is_optional: bool = False
    may_be_empty: bool = False

    @property
    def title(self) -> str:
        return f"breaks, {self.share}"

    def command(self, report: Path) -> list[str]:
        program = ROOT / "tests/guarantees/run_breaks.py"
        return [sys.executable, str(program), "--share", self.share, "--at-once", "1"]

    def environment(self) -> dict[str, str]:
        return dict(os.environ)


def quick() -> list[Job]:
    """Everything on SQLite, with coverage; on PostgreSQL what it could decide otherwise."""
    return [
        Tests(stacks.SQLITE, [*QUICK, *COVERAGE]),
        Tests(stacks.POSTGRES, [*QUICK, *DATABASE_BOUND]),
    ]


def slow() -> list[Job]:
    """The same of what is marked slow."""
    return [
        Tests(stacks.SQLITE, SLOW, "slow", may_be_empty=True),
        Tests(stacks.POSTGRES, [*SLOW, *DATABASE_BOUND], "slow", may_be_empty=True),
    ]


def others() -> list[Job]:
    """The guarantees, and what goes with them, on every other stack."""
    return [
        Tests(stacks.MARIADB, [*QUICK, *GUARANTEES, *FLOWS, *DIALECTS]),
        Tests(stacks.ATOMIC, [*WHOLE_FLOWS, *GUARANTEES, *FLOWS]),
        Tests(stacks.POOLED, [*WHOLE_FLOWS, *GUARANTEES, *FLOWS]),
        Tests(stacks.REPEATABLE_READ, [*QUICK, *GUARANTEES]),
        Tests(stacks.NEWEST, [*QUICK, *GUARANTEES]),
    ]


def on_the_stacks() -> list[Job]:
    """All of them; then the sites of other kinds."""
    return [*others(), *sites()]


def sites() -> list[Job]:
    """Each site under its own settings."""
    names = sorted(path.parent.name for path in SITES.glob("*/settings.py"))
    jobs: list[Job] = [_site(stacks.SQLITE, name) for name in names]
    return jobs + [_site(stacks.POSTGRES, name) for name in SITES_WITH_SQL]


def ci() -> list[Job]:
    """Everything; the long ones come first, so that no core idles while the last one ends."""
    return [*quick(), *slow(), Breaks("1/2"), Breaks("2/2"), *others(), *sites()]


def _site(stack: Stack, name: str) -> Job:
    # a report of the whole suite's coverage is none of a site's business
    return Tests(stack, [f"tests/sites/{name}", f"--ds=tests.sites.{name}.settings", "-q"], name)
