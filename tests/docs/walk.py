"""Doing what a page says, block after block."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.pages import Block, blocks
from tests.docs.site import Site, commands

#: What a reader sees and nobody could run.
SHOWN = {"text", "{toctree}", "{include}", ""}
DEEDS = {"append", "write", "console", "shell", "server", "background"}


def walk(page: Path, site: Site, stack: ExitStack) -> None:
    """Apply each block of a page in order; a server it starts runs until the stack unwinds."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    for block in blocks(page):
        try:
            _do(block, site, stack)
        except Exception as failure:
            raise AssertionError(f"{page.name}, line {block.line}: {failure}") from failure


def unmarked(page: Path) -> list[int]:
    """Return the lines of blocks that nothing runs and of which nobody says why."""
    return [block.line for block in blocks(page) if not _is_told(block)]


def _is_told(block: Block) -> bool:
    return block.deed in DEEDS or block.mark[:2] == ("not", "run:") or block.language in SHOWN


def _do(block: Block, site: Site, stack: ExitStack) -> None:
    if block.deed in {"server", "background"}:
        ((command, _),) = commands(block)
        stack.enter_context(site.serving(command) if block.deed == "server" else site.running(command))
    elif block.deed:
        site.apply(block)
