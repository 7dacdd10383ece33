"""
What `make test-breaks` runs: each guarantee is broken on purpose, and its test has to notice.

A break is a file `breaks/gNN_*.patch`: comment lines that name the tests which must fail, then a diff.

    # breaks: tests/guarantees/test_g06_failed_request.py::test_a_sentence
    # breaks: tests/guarantees/test_g06_failed_request.py::test_another [postgres]
    diff --git a/tokenauth/... b/tokenauth/...

A test marked `[postgres]` runs on PostgreSQL (DATABASE_URL, else the usual loopback port) and is skipped
where none answers; all others run on SQLite. A crash of the broken code (a collection error, a missing
name) proves nothing and does not count as caught.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psycopg

GUARANTEES = Path(__file__).resolve().parent
ROOT = GUARANTEES.parents[1]
BREAKS = GUARANTEES / "breaks"
USUAL = "postgres://postgres@127.0.0.1:5432/postgres"

AT_ONCE = 2
#: Seconds that one run of the named tests may take.
PATIENCE = 900
#: pytest's words: all passed, and at least one did not.
PASSED, FAILED = 0, 1

_HEADER = re.compile(r"# breaks: (?P<node>\S.*?)(?P<postgres> \[postgres\])?$")
_FAILURES = re.compile(r"^(?:=+ )?(?:\d+ \w+, )*?(\d+) failed\b.* in [\d.]+s", re.MULTILINE)
#: What a slip in the patch looks like, not a broken promise.
_CRASH = re.compile(
    r"^E +(?:\w+\.)*(?:ImportError|ModuleNotFoundError|NameError|SyntaxError|IndentationError)\b"
)
#: Loading every plugin that is installed takes as long as all else that a test needs.
_PLUGINS = ["--disable-plugin-autoload", "-p", "pytest_django.plugin", "-p", "pytest_timeout"]
_NOT_IN_A_COPY = (".git", ".venv", "var", "dist", "build", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True, slots=True)
class NamedTest:
    """A test that must fail, on SQLite or on PostgreSQL."""

    node: str
    on_postgres: bool

    def __str__(self) -> str:
        return f"{self.node} [postgres]" if self.on_postgres else self.node


@dataclass(frozen=True, slots=True)
class Break:
    """One patch that breaks a guarantee, and the tests that must notice."""

    path: Path
    tests: tuple[NamedTest, ...]

    @classmethod
    def read(cls, path: Path) -> "Break":
        header = []
        for line in path.read_text().splitlines():
            if not line.startswith("#"):
                break
            if found := _HEADER.match(line):
                header.append(NamedTest(found["node"], found["postgres"] is not None))
        return cls(path, tuple(header))

    @property
    def name(self) -> str:
        return self.path.stem


class Verdict(StrEnum):
    CAUGHT = "caught"
    NOT_CAUGHT = "NOT CAUGHT"
    DOES_NOT_APPLY = "does not apply"
    FAILS_UNBROKEN = "its test fails unbroken"
    NAMES_NO_TEST = "names no test"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one break; `note` says why where it was not caught."""

    name: str
    verdict: Verdict
    note: str = ""

    def __str__(self) -> str:
        line = f"{self.name:<40} {self.verdict}"
        return f"{line}: {self.note}" if self.note else line


@dataclass(frozen=True, slots=True)
class Backends:
    """Where the named tests run. `postgres` is None where none answers, `silence` says so."""

    postgres: str | None
    silence: str = ""

    @classmethod
    def found(cls) -> "Backends":
        given = os.environ.get("DATABASE_URL", "")
        url = given if given.startswith("postgres") else USUAL
        try:
            # the database that the URL names need not exist: the tests make their own beside it
            psycopg.connect(url, dbname="postgres", connect_timeout=3).close()
        except psycopg.OperationalError as error:
            return cls(None, f"PostgreSQL does not answer: {str(error).splitlines()[0]}")
        return cls(url)

    def has(self, test: NamedTest) -> bool:
        return self.postgres is not None or not test.on_postgres

    def environment(self, test: NamedTest, tree: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENAUTH_TEST_")}
        url = self.postgres if test.on_postgres else ""
        # PYTHONPATH: the copy's code comes before the installed one, in child processes too
        return {**kept, "DATABASE_URL": url or "", "PYTHONPATH": str(tree)}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="breaks to run, all by default: g06_consumed_first.patch")
    parser.add_argument("--share", type=_share, default=(1, 1), help="which part of them, by turns: 1/2")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="breaks that run beside each other")
    asked = parser.parse_args()
    place, shares = asked.share
    started = time.monotonic()

    breaks = _chosen(asked.names)
    unproven = [] if asked.names else _guarantees_without_a_break(breaks)
    breaks = breaks[place - 1 :: shares]
    backends = Backends.found()
    with tempfile.TemporaryDirectory(prefix="tokenauth-breaks-") as folder:
        pristine = Path(folder) / "unbroken"
        _copy_tracked_tree(pristine)
        failing = _failing_unbroken(breaks, pristine, backends)
        with ThreadPoolExecutor(asked.at_once) as pool:
            running = [pool.submit(_judged, each, pristine, backends, failing) for each in breaks]
            outcomes = [_shown(future.result()) for future in running]

    for guarantee in unproven:
        print(f"{guarantee}: has a test and no break")
    passed = sum(each.verdict is Verdict.CAUGHT for each in outcomes)
    skipped = sum(each.verdict is Verdict.SKIPPED for each in outcomes)
    failed = len(outcomes) - passed - skipped + len(unproven)
    print(f"in {time.monotonic() - started:.0f} s" + (f", {skipped} skipped" if skipped else ""))
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


def _share(text: str) -> tuple[int, int]:
    place, _, shares = text.partition("/")
    return int(place), int(shares)


def _chosen(names: Iterable[str]) -> list[Break]:
    paths = [BREAKS / f"{Path(name).stem}.patch" for name in names] or sorted(BREAKS.glob("*.patch"))
    if missing := [path.name for path in paths if not path.exists()]:
        sys.exit(f"no such break: {', '.join(missing)}")
    return [Break.read(path) for path in paths]


def _guarantees_without_a_break(breaks: Iterable[Break]) -> list[str]:
    tested = {path.name[len("test_") :][:3] for path in GUARANTEES.glob("test_g[0-9][0-9]_*.py")}
    return sorted(tested - {each.name[:3] for each in breaks})


def _shown(outcome: Outcome) -> Outcome:
    print(outcome, flush=True)
    return outcome


def _failing_unbroken(breaks: Iterable[Break], tree: Path, backends: Backends) -> Mapping[NamedTest, str]:
    """Run every named test once on the code as it is; return those that do not pass, and why."""
    named = list(dict.fromkeys(test for each in breaks for test in each.tests if backends.has(test)))
    failing = {}
    for on_postgres in (False, True):
        tests = [test for test in named if test.on_postgres is on_postgres]
        if tests and _ran(tests, tree, backends).code != PASSED:
            # one of them: ask each, so that the others may still be used
            alone = {test: _ran([test], tree, backends) for test in tests}
            failing |= {test: run.last_line for test, run in alone.items() if run.code != PASSED}
    return failing


def _judged(each: Break, pristine: Path, backends: Backends, failing: Mapping[NamedTest, str]) -> Outcome:
    if not each.tests:
        return Outcome(each.name, Verdict.NAMES_NO_TEST, "its first lines are '# breaks: <node id>'")
    for test in each.tests:
        if test in failing:
            return Outcome(each.name, Verdict.FAILS_UNBROKEN, f"{test}: {failing[test]}")
    with _broken_copy(each, pristine) as (tree, complaint):
        if complaint:
            return Outcome(each.name, Verdict.DOES_NOT_APPLY, complaint)
        tests = [test for test in each.tests if backends.has(test)]
        for test in tests:
            run = _ran([test], tree, backends)
            if not run.is_a_catch:
                return Outcome(each.name, Verdict.NOT_CAUGHT, f"{test}: {run.last_line}")
    if not tests:
        return Outcome(each.name, Verdict.SKIPPED, backends.silence)
    return Outcome(each.name, Verdict.CAUGHT)


@dataclass(frozen=True, slots=True)
class Run:
    """How a call of pytest ended."""

    code: int
    output: str

    @property
    def is_a_catch(self) -> bool:
        failures = _FAILURES.findall(self.output)
        return self.code == FAILED and bool(failures) and not self.crash

    @property
    def crash(self) -> str:
        return next((line for line in self.output.splitlines() if _CRASH.match(line)), "")

    @property
    def last_line(self) -> str:
        lines = [line for line in self.output.splitlines() if line.strip()]
        return self.crash or (lines[-1] if lines else f"exit code {self.code}")


def _ran(tests: Iterable[NamedTest], tree: Path, backends: Backends) -> Run:
    """Run tests of one back end in a tree."""
    tests = list(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *_PLUGINS]
    try:
        done = subprocess.run(
            [*command, *(test.node for test in tests)],
            cwd=tree,
            env=backends.environment(tests[0], tree),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Run(-1, f"no end within {PATIENCE} s")
    return Run(done.returncode, done.stdout)


@contextmanager
def _broken_copy(each: Break, pristine: Path) -> Iterator[tuple[Path, str]]:
    """A copy with the break in it, and what the patch tool complained of."""
    with tempfile.TemporaryDirectory(prefix=f"{each.name}-", dir=pristine.parent) as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(pristine, tree, symlinks=True)
        yield tree, _applied(each.path, tree)


def _applied(patch: Path, tree: Path) -> str:
    if shutil.which("git"):
        command = ["git", "apply", "--whitespace=nowarn", str(patch)]
    else:
        command = ["patch", "-p1", "--batch", "--fuzz=0", "-i", str(patch)]
    # a repository around the temporary folder is none of ours
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[0]


def _copy_tracked_tree(target: Path) -> None:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        shutil.copytree(ROOT, target, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_IN_A_COPY))
        return
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        if (ROOT / name).is_file():  # it may be deleted and not committed yet
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


if __name__ == "__main__":
    sys.exit(main())
