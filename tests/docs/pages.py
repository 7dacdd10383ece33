"""The pages as text: their code blocks, headings and links.

A comment above a code block says what a test does with it, and no reader sees it:
`<!-- run: console -->`, `<!-- run: shell -->`, `<!-- run: server -->`,
`<!-- run: background -->`, `<!-- run: write FILE -->` or
`<!-- run: append FILE -->`. A block that nothing runs says `<!-- not run: WHY -->`.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>(?:not )?run: [^\n]*?) -->\n)?^(?P<indent> *)```(?P<language>[\w{}-]*)[^\n]*\n"
    r"(?P<code>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text without the indent, and the words of its mark."""

    language: str
    code: str
    mark: tuple[str, ...]
    line: int

    @property
    def deed(self) -> str:
        """What a test does with it: empty where nobody said so."""
        return self.mark[1] if self.mark[:1] == ("run:",) else ""

    @property
    def target(self) -> str:
        return self.mark[2]


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, those of lists too, in order."""
    text = page.read_text()
    return [
        Block(
            language=found["language"],
            code=textwrap.dedent(found["code"]),
            mark=tuple((found["mark"] or "").split()),
            line=text.count("\n", 0, found.start()) + 1,
        )
        for found in _BLOCK.finditer(text)
    ]


def anchors(page: Path) -> set[str]:
    """Return the names by which links reach the headings of a page."""
    return {_anchor(heading) for heading in _HEADING.findall(_without_code(page.read_text()))}


def links(page: Path) -> Iterator[str]:
    """Yield the targets of the links of a page."""
    for link in _LINK.finditer(_without_code(page.read_text())):
        yield link["target"]


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]+`(?!\])", lambda code: code[0].replace("](", "] ("), _BLOCK.sub("", text))


def _anchor(heading: str) -> str:
    """As the repository's own pages and MyST make them: lower case, no signs, dashes for spaces."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
