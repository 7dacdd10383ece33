"""The how-tos show this site: every block of Python in them stands in its files, line by line."""

import re
from pathlib import Path

import pytest

SITE = Path(__file__).parent
PAGES = Path(__file__).parents[3] / "docs/how-to"
#: Between two pieces of one block: something that the page leaves out.
LEFT_OUT = "# ..."


def stripped(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


@pytest.mark.parametrize("page", ["allauth", "second-factor", "impersonation", "existing-site"])
def test_what_a_how_to_shows_is_what_the_tests_run(page):
    site = [stripped(path.read_text()) for path in SITE.glob("*.py")]
    blocks = re.findall(r"^ *```python\n(.*?)^ *```$", (PAGES / f"{page}.md").read_text(), re.M | re.S)

    assert blocks
    for block in blocks:
        for piece in stripped(block).split(LEFT_OUT):
            assert any(f"\n{piece.strip()}\n" in f"\n{text}\n" for text in site), piece
