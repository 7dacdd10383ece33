"""The cookbook's recipes: Swift and Kotlin parse, and none leaves a rule of the client's side out."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

COOKBOOK = DOCS / "cookbook"
SWIFT, KOTLIN = COOKBOOK / "swift/Tokens.swift", COOKBOOK / "kotlin/Tokens.kt"
JAVASCRIPT = COOKBOOK / "javascript/tokens.js"


@pytest.mark.parametrize("source", [SWIFT, KOTLIN], ids=lambda path: path.name)
def test_it_parses(source: Path):
    assert faults(source.read_text(), source.suffix) == []


@pytest.mark.parametrize("source", [SWIFT, KOTLIN], ids=lambda path: path.name)
def test_the_parser_would_notice(source: Path):
    assert faults(source.read_text().replace("{", "", 1), source.suffix)
    assert faults(source.read_text() + "\nfun func }", source.suffix)


@pytest.mark.parametrize("source", [SWIFT, KOTLIN, JAVASCRIPT], ids=lambda path: path.name)
def test_it_marks_the_four_rules_and_keeps_the_token_in_the_systems_own_store(source: Path):
    text = source.read_text()
    store = {".swift": "SecItemAdd", ".kt": "AndroidKeyStore", ".js": "crypto.subtle"}[source.suffix]

    assert sorted(set(re.findall(r"\((\d)\) ", text))) == ["1", "2", "3", "4"]
    assert "Idempotency-Key" in text
    assert "Retry-After" in text
    assert store in text


def faults(source: str, suffix: str) -> list[str]:
    """What a parser could not make sense of, by line."""
    tree_sitter = pytest.importorskip("tree_sitter", reason="tree-sitter is not installed")
    grammar = pytest.importorskip({".swift": "tree_sitter_swift", ".kt": "tree_sitter_kotlin"}[suffix])
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    found, left = [], [parser.parse(source.encode()).root_node]
    while left:
        node = left.pop()
        if node.is_error or node.is_missing:
            found.append(f"line {node.start_point[0] + 1}: {node.text!r:.80}")
        left.extend(node.children)
    return found
