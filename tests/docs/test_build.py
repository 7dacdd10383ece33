"""The pages build without a warning."""

import subprocess
import sys

import pytest

from tests.docs.pages import DOCS, ROOT, blocks

#: Characters of a picture that fit beside the navigation.
WIDTH = 84


def test_the_documentation_builds_with_every_warning_an_error(tmp_path):
    pytest.importorskip("furo", reason="the tools of the documentation are not installed here")
    options = ["-W", "--keep-going", "-n", "-q", "-b", "html", "-d", tmp_path / "doctrees"]

    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, ROOT / "docs", tmp_path / "html"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (built.returncode, built.stderr) == (0, "")
    assert (tmp_path / "html/index.html").exists()


def test_no_picture_is_cut_off():
    wide = [
        f"{page.name}: {line}"
        for page in DOCS.rglob("*.md")
        for block in blocks(page)
        if block.language == "text"
        for line in block.code.splitlines()
        if len(line) > WIDTH
    ]

    assert wide == []
