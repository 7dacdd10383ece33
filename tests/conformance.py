"""pytest --conformance PATH: what the standards ask, and which test of this run holds each line.

Loaded by tests/conftest.py. A line is held when every test marked with it passed; a test that was skipped
holds nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.standards.lines import GROUPS, READINGS, Line

#: Tests that a line names before the rest is only counted.
_NAMED = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance", metavar="PATH", type=Path, help="write which lines of the standards this run held"
    )


def pytest_configure(config: pytest.Config) -> None:
    if (path := config.getoption("--conformance")) is not None:
        config.pluginmanager.register(Conformance(path))


@dataclass
class Results:
    """What became of the tests of each line, by the name of the test function."""

    ran: dict[str, dict[str, bool]] = field(default_factory=dict)

    def expect(self, ids: tuple[str, ...], test: str) -> None:
        """Take down that a test is tied to lines; until it passed it holds none of them."""
        for id_ in ids:
            self.ran.setdefault(id_, {}).setdefault(test, True)

    def failed(self, ids: tuple[str, ...], test: str) -> None:
        for id_ in ids:
            self.ran[id_][test] = False

    def holds(self, id_: str) -> bool:
        return bool(self.ran.get(id_)) and all(self.ran[id_].values())

    def state(self, line: Line) -> str:
        """Return the last column of a line."""
        tests = self.ran.get(line.id, {})
        if self.holds(line.id):
            return f"held by {_names(tests)}"
        if failed := [test for test, passed in tests.items() if not passed]:
            return f"not held: {_names(failed)} did not pass"
        return f"not held: {line.why_not or 'no test of it ran'}"


class Conformance:
    """Follows one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = Results()
        self.ids: dict[str, tuple[str, ...]] = {}
        self.waiting: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            ids = tuple(id_ for mark in item.iter_markers("standard") for id_ in mark.args)
            if ids:
                self.ids[item.nodeid] = ids
                self.waiting.add(item.nodeid)
                self.results.expect(ids, _function(item.nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid not in self.ids:
            return
        if not report.passed:
            self.results.failed(self.ids[report.nodeid], _function(report.nodeid))
        elif report.when == "call":
            self.waiting.discard(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        for never_ran in self.waiting:
            self.results.failed(self.ids[never_ran], _function(never_ran))
        self.path.write_text(page(self.results))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for level, held, all_ in counts(self.results.holds):
            terminalreporter.write_line(f"{level}: {held} of {all_} lines held")
        terminalreporter.write_line(f"written: {self.path}")


def counts(holds: Callable[[str], bool]) -> list[tuple[str, int, int]]:
    """Return for each level how many lines hold, of how many."""
    lines = [line for group in GROUPS for line in group.lines]
    return [
        (level, sum(holds(line.id) for line in lines if line.level == level), len(of_level))
        for level in ("core", "advanced", "optional")
        if (of_level := [line for line in lines if line.level == level])
    ]


def page(results: Results) -> str:
    """Return the page as Markdown."""
    parts = [
        "# Which lines of the standards hold",
        "Made by `make conformance` from one run of the tests: a line is held when every test that is tied "
        "to it passed in that run. Do not edit; the lines stand in `tests/standards/lines.py`. Core lines "
        "must hold; an advanced or optional one holds, or the table says why not. The numbers are sections.",
        "| level | held | lines |\n|---|---|---|\n"
        + "\n".join(f"| {level} | {held} | {all_} |" for level, held, all_ in counts(results.holds)),
        "## Decided readings",
        "Where a line can be read in more than one way, its tests hold the app to this reading.",
        "\n".join(f"- **{about}**: {reading}" for about, reading in READINGS),
    ]
    for group in GROUPS:
        rows = [f"| {line.id} | {line.level} | {line.says} | {results.state(line)} |" for line in group.lines]
        parts += [
            f"## {group.title}",
            "\n".join(["| id | level | line | state |", "|---|---|---|---|", *rows]),
        ]
    return "\n\n".join(parts) + "\n"


def _function(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def _names(tests: Iterable[str]) -> str:
    # the tests that are there for the standards first
    named = sorted(tests, key=lambda test: (not test.startswith("tests/standards/"), test))
    shown = ", ".join(f"`{test.removeprefix('tests/')}`" for test in named[:_NAMED])
    return shown + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")
