"""The tutorial, from the first command to the last, on a real server."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs import walk
from tests.docs.pages import DOCS
from tests.docs.site import Site

PAGE = DOCS / "tutorial/index.md"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_goes_as_it_is_told(tmp_path: Path):
    with ExitStack() as stack:
        walk.walk(PAGE, Site(tmp_path), stack)


def test_nothing_is_shown_that_nobody_runs():
    assert walk.unmarked(PAGE) == []
