"""The cookbook's recipes: Swift and Kotlin parse, and none leaves a rule of the client's side out."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs import walk
from tests.docs.conftest import New
from tests.docs.pages import DOCS
from tests.docs.site import USUAL, Site

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


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestTheScript:
    """docs/cookbook/curl: its page as it is told, two runs at once, and a run that died in the middle."""

    def test_goes_as_it_is_told(self, new: New):
        with ExitStack() as stack:
            walk.walk(COOKBOOK / "curl.md", with_the_script(new()), stack)

    def test_two_at_once_take_turns(self, new: New):
        site = with_the_script(new())
        with site.serving():
            site.run("echo s3cret-enough | ./tokens.sh login ada")
            with ThreadPoolExecutor(2) as pool:
                runs = list(pool.map(site.run, ["./tokens.sh refresh"] * 2))

            assert len(set(runs)) == 2  # one after the other, each with the token that it found
            assert (
                site.call(
                    "GET", "/orders/", Authorization=f"Bearer {site.run('./tokens.sh access').strip()}"
                )[0]
                == 200
            )

    def test_a_run_that_died_before_it_could_save_is_taken_up_with_its_key(self, new: New):
        site = with_the_script(new())
        with site.serving():
            site.run("echo s3cret-enough | ./tokens.sh login ada")
            store = site.folder / "store"
            refresh_token, access_token, expires, _ = store.read_text().split("\n")[:4]
            key = "a-key-that-was-stored-before-sending"
            store.write_text(f"{refresh_token}\n{access_token}\n{expires}\n{key}\n")
            shown = {"refresh_token": refresh_token, "client_id": "web"}
            _, lost = site.call("POST", "/auth/token/refresh/", shown, **{"Idempotency-Key": key})

            site.run("./tokens.sh refresh")

            assert store.read_text().split("\n")[0] == lost["refresh_token"]
            assert store.stat().st_mode & 0o077 == 0

    def test_a_session_that_is_over_is_forgotten(self, new: New):
        site = with_the_script(new())
        with site.serving():
            site.run("echo s3cret-enough | ./tokens.sh login ada")
            token = (site.folder / "store").read_text().split("\n")[0]
            form = {"token": token, "client_id": "web"}
            site.run(
                [
                    "curl",
                    "-sS",
                    *(word for pair in form.items() for word in ("-d", "=".join(pair))),
                    f"http://127.0.0.1:{site.port}/auth/token/revoke/",
                ]
            )

            said = site.run("./tokens.sh refresh 2>&1 || true")

            assert said == "The session is over: log in.\n"
            assert not (site.folder / "store").exists()

    def test_an_answer_that_does_not_come_leaves_everything_as_it_is(self, new: New):
        site = with_the_script(new())
        with site.serving():
            site.run("echo s3cret-enough | ./tokens.sh login ada")
        before = (site.folder / "store").read_text().split("\n")

        said = site.run("./tokens.sh refresh 2>&1 || true")

        after = (site.folder / "store").read_text().split("\n")
        assert said.endswith("Nobody answers; the session goes on, try again later.\n")
        assert after[:3] == before[:3]
        assert after[3]  # the key of the try


def with_the_script(site: Site) -> Site:
    """Put the script into a site's folder, its store beside it."""
    text = (COOKBOOK / "curl/tokens.sh").read_text()
    script = site.folder / "tokens.sh"
    script.write_text(
        text.replace(USUAL, f"127.0.0.1:{site.port}").replace(
            "$HOME/.local/state/tokens-$CLIENT", str(site.folder / "store")
        )
    )
    script.chmod(0o755)
    return site


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
