"""No link of the README or the pages leads nowhere."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.docs.pages import DOCS, ROOT, anchors, links

PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_relative_link_leads_to_a_file_and_a_heading(page: Path):
    assert [link for link in links(page) if "://" not in link and not _leads_somewhere(page, link)] == []


def test_links_are_found_and_a_wrong_one_is_noticed():
    readme = ROOT / "README.md"

    assert "docs/reference/settings.md" in set(links(readme))
    assert not _leads_somewhere(readme, "docs/reference/no-such-page.md")
    assert not _leads_somewhere(readme, "docs/reference/settings.md#no-such-heading")
    assert _leads_somewhere(readme, "docs/reference/settings.md#policies")


def test_a_page_is_in_one_of_the_parts():
    parts = {"tutorial", "how-to", "reference", "explanation", "cookbook"}
    beside = {"index.md", "changelog.md", "conformance.md"}

    assert {page.relative_to(DOCS).parts[0] for page in DOCS.rglob("*.md")} <= parts | beside


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_that_is_named_is_there(page: Path):
    named = re.findall(r"manage\.py (\w+)", page.read_text())

    assert set(named) - get_commands().keys() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_test_that_is_named_is_there(page: Path):
    named = re.findall(r"`(tests/[\w/.]+\.py)`", page.read_text())

    assert [path for path in named if not (ROOT / path).is_file()] == []
