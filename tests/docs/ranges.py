"""python -m tests.docs.ranges: write which values each setting takes into docs/reference/settings.md."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tokenauth import conf
from tokenauth.policy.builtin import Policy

PAGE = Path(__file__).parents[2] / "docs/reference/settings.md"
_TABLE = re.compile(r"(?<=<!-- made by python -m tests.docs.ranges -->\n).*?(?=\n<!-- end -->)", re.DOTALL)


def main() -> None:
    PAGE.write_text(_TABLE.sub(lambda _: table(), PAGE.read_text()))


def table() -> str:
    """Return the table as it has to be."""
    sources: list[tuple[str, type[BaseModel]]] = [
        ("`{}`", conf.Settings),
        ("`LIMITS.{}`", conf.Limits),
        ("`POLICIES.NAME.{}`", Policy),
    ]
    lines = [
        f"| {spelling.format(name)} | {values(field)} |"
        for spelling, model in sources
        for name, field in model.model_fields.items()
        if name != "name"
    ]
    return "\n".join(["| setting | takes |", "|---|---|", *lines])


def stated() -> str:
    """Return the table as it stands on the page."""
    found = _TABLE.search(PAGE.read_text())
    return found[0] if found else ""


def values(field: FieldInfo) -> str:
    """Say in words what a field takes."""
    return _words(field.annotation) + _bounds(field)


def _words(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f'`"{choice}"`' for choice in inner)
    if origin in {Union, UnionType}:
        parts = [_words(each) for each in inner if each is not NoneType]
        return ", ".join([*parts, "`None`"] if NoneType in inner else parts)
    if hasattr(annotation, "__metadata__"):  # a text that has to be readable as a rate
        return "a rate"
    if origin is tuple:
        return "a list of texts"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a dictionary"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a dictionary"
    names = {int: "a whole number", float: "a number", bool: "`True`, `False`", str: "a text"}
    return names.get(annotation, "a function")


def _bounds(field: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{word} {getattr(constraint, name):,}"
        for name, word in words.items()
        for constraint in field.metadata
        if getattr(constraint, name, None) is not None
    ]
    return ", " + ", ".join(found) if found else ""


if __name__ == "__main__":
    main()
