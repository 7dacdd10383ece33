"""docs/conformance.md cannot lie: what it says of a line is what the tests say."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.conformance import Results, page
from tests.standards.lines import BY_ID, GROUPS, Line

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs/conformance.md"
_ROW = re.compile(r"\| ([A-Z0-9]+-\d+) \| (\w+) \| (.+) \| (held by|not held:) (.+) \|")
#: The groups of whose lines none is listed here yet.
LATER = ("9449-", "8705-", "8707-", "SET-", "CAEP-", "TSL-", "GTR-")


@cache
def tied() -> dict[str, set[str]]:
    """The tests of each line, by file and function, read from the marks of every test file."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text()
        if "mark.standard(" not in text:
            continue
        for place, node in functions(ast.parse(text), path.relative_to(TESTS).as_posix()):
            for id_ in marks(node):
                found.setdefault(id_, set()).add(place)
    return found


def functions(node: ast.AST, place: str):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{place}::{child.name}"
            yield inner, child
            yield from functions(child, inner)


def marks(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [
        argument.value
        for mark in node.decorator_list
        if isinstance(mark, ast.Call)
        and isinstance(mark.func, ast.Attribute)
        and mark.func.attr == "standard"
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    ]


def rows() -> dict[str, re.Match[str]]:
    return {found[1]: found for found in map(_ROW.fullmatch, PAGE.read_text().splitlines()) if found}


def test_every_core_line_has_a_test():
    core = {id_ for id_, line in BY_ID.items() if line.level == "core"}

    assert core - tied().keys() == set()


def test_every_other_line_has_a_test_or_a_reason_and_never_both():
    others = [line for line in BY_ID.values() if line.level != "core"]

    assert [line.id for line in others if bool(line.why_not) == (line.id in tied())] == []


def test_no_core_line_has_a_reason():
    assert [line.id for line in BY_ID.values() if line.level == "core" and line.why_not] == []


def test_no_test_is_tied_to_a_line_that_there_is_not():
    assert {id_ for id_ in tied() if not id_.startswith(LATER)} - BY_ID.keys() == set()


def test_no_line_stands_twice():
    assert len(BY_ID) == sum(len(group.lines) for group in GROUPS)


def test_the_page_has_every_line_as_it_is_written_and_no_other():
    assert {id_: (row[2], row[3]) for id_, row in rows().items()} == {
        line.id: (line.level, line.says) for line in BY_ID.values()
    }


def test_the_page_calls_no_line_held_that_has_no_test():
    held = {id_: row[5] for id_, row in rows().items() if row[4] == "held by"}
    known = tied()

    for id_, tests in held.items():
        named = set(re.findall(r"`([^`]+)`", tests))
        # a class may carry the mark for its tests
        assert all(any(test.startswith(mark) for mark in known.get(id_, ())) for test in named), id_


def test_the_page_says_of_every_core_line_that_it_is_held():
    assert [id_ for id_, row in rows().items() if row[2] == "core" and row[4] != "held by"] == []


def test_the_page_gives_the_reasons_as_they_are_written():
    not_held = {id_: row[5] for id_, row in rows().items() if row[4] == "not held:"}

    assert not_held == {line.id: line.why_not for line in BY_ID.values() if line.why_not}


def results(*passed: bool) -> Results:
    made = Results()
    for number, has_passed in enumerate(passed):
        made.expect(("6749-01",), f"tests/test_{number}.py::test")
        if not has_passed:
            made.failed(("6749-01",), f"tests/test_{number}.py::test")
    return made


def test_a_line_is_held_when_each_of_its_tests_passed():
    line = BY_ID["6749-01"]

    assert results(True, True).state(line) == "held by `test_0.py::test`, `test_1.py::test`"
    assert results(True, False).state(line) == "not held: `test_1.py::test` did not pass"
    assert results().state(line) == "not held: no test of it ran"


def test_one_failure_among_the_cases_of_a_test_is_enough():
    made = results(False)

    made.expect(("6749-01",), "tests/test_0.py::test")

    assert not made.holds("6749-01")


def test_a_reason_is_given_where_there_is_no_test():
    assert Results().state(Line("X-01", "optional", "Says", "Because.")) == "not held: Because."


def test_the_page_of_a_run_without_tests_holds_nothing():
    assert "held by" not in page(Results()).partition("## Decided readings")[2]
