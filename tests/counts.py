"""How many tests of each part passed on each stack: read from pytest's reports, shown as a table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

#: Folders of tests that are counted apart; the others are one.
PARTS = ("guarantees", "flows", "models", "revocation", "field", "sites")
OTHERS = "others"


@dataclass(slots=True)
class Count:
    """Tests of one part on one stack."""

    passed: int = 0
    skipped: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return f"{self.passed}/{self.skipped}/{self.failed}" if self else "-"

    def __bool__(self) -> bool:
        return bool(self.passed or self.skipped or self.failed)


@dataclass(slots=True)
class Counts:
    """By stack and part."""

    of: dict[tuple[str, str], Count] = field(default_factory=dict)

    def read(self, report: Path) -> None:
        """Add what a report of pytest's says; its suite is named after the stack."""
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            for case in suite.iter("testcase"):
                key = (suite.get("name", ""), _part_of(case.get("classname", "")))
                _add(self.of.setdefault(key, Count()), case)

    def total(self, stack: str) -> Count:
        """All parts of a stack."""
        found = [count for (name, _), count in self.of.items() if name == stack]
        sums: Counter[str] = Counter()
        for count in found:
            sums.update(passed=count.passed, skipped=count.skipped, failed=count.failed)
        return Count(**sums)

    def table(self) -> str:
        """Stacks by parts, each `passed/skipped/failed`."""
        stacks = list(dict.fromkeys(stack for stack, _ in self.of))
        parts = [part for part in (*PARTS, OTHERS) if any((stack, part) in self.of for stack in stacks)]
        rows = [["passed/skipped/failed", *parts, "all"]]
        for stack in stacks:
            cells = [str(self.of.get((stack, part), Count())) for part in parts]
            rows.append([stack, *cells, str(self.total(stack))])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_line(row, widths) for row in rows)


def of(reports: Iterable[Path]) -> Counts:
    """Count what reports say."""
    counts = Counts()
    for report in reports:
        counts.read(report)
    return counts


def _part_of(classname: str) -> str:
    _, _, rest = classname.partition("tests.")
    part = rest.partition(".")[0]
    return part if part in PARTS else OTHERS


def _add(count: Count, case: ElementTree.Element) -> None:
    if case.find("failure") is not None or case.find("error") is not None:
        count.failed += 1
    elif case.find("skipped") is not None:
        count.skipped += 1
    else:
        count.passed += 1


def _line(row: list[str], widths: list[int]) -> str:
    name, *cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join([name, *cells]).rstrip()
