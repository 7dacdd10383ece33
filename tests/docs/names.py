"""Which tests there are, without importing them: the names that pages may call as witnesses."""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
GUARANTEES = sorted(f"guarantees/{path.name}" for path in (TESTS / "guarantees").glob("test_g[0-9]*.py"))


def exists(name: str) -> bool:
    """Whether `path`, `path::test`, `path::Class` or `path::Class::test` is a test, its path below tests/."""
    path, _, inner = name.partition("::")
    return (TESTS / path).is_file() and (not inner or inner in _inside(TESTS / path))


@cache
def _inside(path: Path) -> frozenset[str]:
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            found.add(node.name)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
            found |= {node.name, *(f"{node.name}::{name}" for name in methods if name.startswith("test_"))}
    return frozenset(found)
