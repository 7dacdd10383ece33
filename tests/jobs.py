"""What is run on which stack: each job is a process of its own, two of them at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import stacks
from tests.stacks import Stack

ROOT = Path(__file__).resolve().parent.parent
SITES = ROOT / "tests" / "sites"

QUICK, SLOW = ("-m", "not slow"), ("-m", "slow")
COVERAGE = ("--cov", "--cov-report=term", "--cov-fail-under=90")
#: What another database could decide otherwise; all else is one for all and runs on SQLite.
DATABASE_BOUND = ("--database-bound",)
GUARANTEES = ("tests/guarantees",)
FLOWS = ("tests/flows",)
#: The parts whose statements are written for each kind of database.
DIALECTS = ("tests/models", "tests/revocation")
#: Sites whose tests write SQL, and so meet a second kind of database.
SITES_WITH_SQL = ("property_active", "two_namespaces", "users_elsewhere", "uuid_user")


@dataclass(frozen=True, slots=True)
class Job:
    """A run of pytest. `arguments` say of what."""

    stack: Stack
    arguments: Sequence[str]
    #: Beside the stack's name, where it has several jobs.
    name: str = ""
    #: A run that selects nothing is none that failed.
    may_be_empty: bool = False

    @property
    def title(self) -> str:
        return f"{self.stack.name}{', ' if self.name else ''}{self.name}"

    def command(self, report: Path) -> list[str]:
        """The whole command; pytest's report of it goes to a file.

        Raises:
            Missing: The stack's Python is not here.
        """
        reported = [f"--junitxml={report}", "-o", f"junit_suite_name={self.stack.name}"]
        return [*self.stack.pytest(), *reported, *self.arguments]


def quick() -> list[Job]:
    """Everything on SQLite, with coverage; on PostgreSQL what it could decide otherwise."""
    return [
        Job(stacks.SQLITE, [*QUICK, *COVERAGE]),
        Job(stacks.POSTGRES, [*QUICK, *DATABASE_BOUND]),
    ]


def slow() -> list[Job]:
    """The same of what is marked slow."""
    return [
        Job(stacks.SQLITE, SLOW, "slow", may_be_empty=True),
        Job(stacks.POSTGRES, [*SLOW, *DATABASE_BOUND], "slow", may_be_empty=True),
    ]


def on_the_stacks() -> list[Job]:
    """The guarantees, and what goes with them, on every other stack; then the sites of other kinds."""
    return [
        Job(stacks.MARIADB, [*QUICK, *GUARANTEES, *FLOWS, *DIALECTS]),
        Job(stacks.ATOMIC, [*QUICK, *GUARANTEES, *FLOWS]),
        Job(stacks.REPEATABLE_READ, [*QUICK, *GUARANTEES]),
        Job(stacks.NEWEST, [*QUICK, *GUARANTEES]),
        *sites(),
    ]


def sites() -> list[Job]:
    """Each site under its own settings."""
    names = sorted(path.parent.name for path in SITES.glob("*/settings.py"))
    jobs = [_site(stacks.SQLITE, name) for name in names]
    return jobs + [_site(stacks.POSTGRES, name) for name in SITES_WITH_SQL]


def _site(stack: Stack, name: str) -> Job:
    # a report of the whole suite's coverage is none of a site's business
    return Job(stack, [f"tests/sites/{name}", f"--ds=tests.sites.{name}.settings", "-q"], name)
