"""A site to try pages on. It has a database of its own: on which one the suite runs changes nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from tests.docs.pages import DOCS, blocks
from tests.docs.site import Site

HERE = Path(__file__).parent
#: What the tutorial's console makes before its first request.
_MADE = ("startproject", "manage.py migrate")

New = Callable[..., Site]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if connection.vendor == "sqlite":
        return
    once = pytest.mark.skip(reason="runs once, beside the tests on SQLite")
    for item in items:
        if "slow" in item.keywords and HERE in item.path.parents:
            item.add_marker(once)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial's site before its first request: all that it writes, makes and registers."""
    site = Site(tmp_path_factory.mktemp("shop"))
    for block in blocks(DOCS / "tutorial/index.md"):
        if block.deed in {"append", "write", "shell"} or (
            block.deed == "console" and any(word in block.code for word in _MADE)
        ):
            site.apply(block)
    return site.folder


@pytest.fixture
def new(finished: Path, tmp_path: Path) -> New:
    """Makes a copy of it, with what a page names and a test has elsewhere."""

    def copy(**instead: str) -> Site:
        folder = shutil.copytree(finished, tmp_path / "shop")
        return Site(folder, instead=instead, package="shop")

    return copy
