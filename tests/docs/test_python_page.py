"""docs/reference/python.md lists what there is to import, with the signatures that it has."""

import importlib
import inspect
import re
from typing import get_args

import pytest

from tests.docs.pages import DOCS
from tokenauth import flows
from tokenauth.revocation.subjects import Subject

PAGE = (DOCS / "reference/python.md").read_text()
SECTIONS = dict(zip(*[iter(re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)[1:])] * 2, strict=True))
DOTTED = re.findall(r"`(tokenauth\.[\w.]+)`", PAGE)


def first_cells(section: str) -> set[str]:
    cells = re.findall(r"^\| (`.+?`) \|", SECTIONS[section], re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_flows_are_all_listed_and_no_other():
    assert first_cells("`tokenauth.flows`") == set(flows.__all__)


def test_the_subjects_are_all_listed_and_no_other():
    assert first_cells("`tokenauth.revocation.subjects`") == {each.__name__ for each in get_args(Subject)}


@pytest.mark.parametrize("name", DOTTED)
def test_a_dotted_name_can_be_imported(name: str):
    module, _, attribute = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        assert hasattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize(
    "name", ["issue", "before_authentication", "rotate", "revoke", "revoke_others", "introspect"]
)
def test_a_flow_takes_what_is_stated(name: str):
    (stated,) = re.findall(rf"`{name}\((.+?)\)`", PAGE)
    parameters = inspect.signature(getattr(flows, name)).parameters

    assert re.findall(r"(\w+)(?==|,|$)", re.sub(r"=[^,]+", "=", stated)) == list(parameters)
