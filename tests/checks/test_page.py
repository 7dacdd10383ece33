"""The page of all checks and the code say the same."""

import re
from pathlib import Path

import pytest
from django.core.checks.registry import registry

from tests.checks.found import ids
from tokenauth import checks
from tokenauth.checks import findings

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(checks.__file__).parent
SECTIONS = dict(
    re.findall(
        r"^### ([EW]\d{3})\n(.+?)(?=^#|\Z)", (ROOT / findings.PAGE).read_text(), re.MULTILINE | re.DOTALL
    )
)


def in_the_code() -> dict[str, str]:
    """Id -> `error` or `warning`, as the code makes them."""
    made = re.findall(
        r"\b(error|warning)\(\s*\"(\w+)\"", "".join(path.read_text() for path in FOLDER.glob("*.py"))
    )
    return {number: kind for kind, number in made}


def test_the_page_has_a_heading_for_every_id_and_no_other():
    assert SECTIONS.keys() == in_the_code().keys()
    assert list(SECTIONS) == sorted(SECTIONS)


def test_each_id_begins_as_its_level():
    assert {number: kind[0].upper() for number, kind in in_the_code().items()} == {
        number: number[0] for number in SECTIONS
    }


def test_every_id_is_provoked_by_a_test_that_names_it():
    names = re.findall(
        r"^def test_([ew]\d{3})_",
        "".join(path.read_text() for path in Path(__file__).parent.glob("*.py")),
        re.M,
    )

    assert {name.upper() for name in names} == SECTIONS.keys()


def test_a_docstring_names_the_ids_that_its_check_gives():
    named = {
        number
        for check in [*registry.registered_checks, *registry.deployment_checks]
        if check.__module__.startswith("tokenauth.")
        for number in numbers(check.__doc__)
    }

    assert named == SECTIONS.keys()


@pytest.mark.parametrize(("made", "number"), [(findings.error, "E001"), (findings.warning, "W014")])
def test_a_hint_ends_with_the_place_on_the_page(made, number):
    found = made(number, "Something is wrong.", mend="Mend it.")

    assert ids([found]) == [number]
    assert found.hint == f"Mend it. See docs/reference/checks.md#{number.lower()}."


@pytest.mark.parametrize("tag", ["deploy", "database"])
def test_the_page_says_when_a_check_runs(tag):
    if tag == "deploy":
        meant = registry.deployment_checks
    else:
        meant = [
            c for c in [*registry.registered_checks, *registry.deployment_checks] if "database" in c.tags
        ]
    of_code = {
        number for c in meant if c.__module__.startswith("tokenauth.") for number in numbers(c.__doc__)
    }

    assert {number for number, text in SECTIONS.items() if f"**{tag}**" in text} == of_code


def numbers(docstring: str) -> list[str]:
    """`E003 to E005: ...` names three."""
    head = docstring.partition(":")[0]
    if found := re.fullmatch(r"([EW])(\d{3}) to \1(\d{3})", head):
        kind, first, last = found.groups()
        return [f"{kind}{number:03}" for number in range(int(first), int(last) + 1)]
    return [head]
