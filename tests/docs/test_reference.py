"""The reference says what the code says: settings, policies, errors, signals, calls."""

import ast
import inspect
import re
from typing import Any

import limits
import pytest
from django.dispatch import Signal
from pydantic.fields import FieldInfo

from tests.docs import ranges
from tests.docs.pages import DOCS
from tests.openapi import document
from tokenauth import conf, errors, signals
from tokenauth.api.errors import response
from tokenauth.errors import PUBLIC_ERROR, Cause, PublicError, Refused, TokenAuthError
from tokenauth.policy.builtin import BUILTIN, Policy


def page(name: str) -> str:
    return (DOCS / "reference" / name).read_text()


def rows(text: str) -> dict[str, list[str]]:
    """The lines of all tables whose first cell is a name, by that name."""
    lines = re.findall(r"^\| `([\w.-]+)` \| (.+) \|$", text, re.MULTILINE)
    return {name: rest.split(" | ") for name, rest in lines}


SETTINGS = rows(page("settings.md").split("\n## What each takes")[0])
FIELDS: dict[str, FieldInfo] = {**conf.Settings.model_fields, **conf.Limits.model_fields}
POLICY_KEYS = Policy.model_fields.keys() - {"name"}
#: Whose default is another setting, a table of its own, or depends on the machine.
IN_WORDS = {"ISSUER", "ACCOUNT_AUDIENCE", "LIMITS", "REQUIRE_TLS", "HASHES_AT_ONCE"}


def test_the_reference_has_every_setting_limit_and_policy_key_and_no_other():
    assert SETTINGS.keys() == FIELDS.keys() | POLICY_KEYS


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - IN_WORDS))
def test_a_setting_has_the_default_that_is_stated(name: str):
    field = FIELDS[name]
    default = field.default_factory() if field.default_factory else field.default

    stated = value(SETTINGS[name][0])

    if isinstance(default, str) and "/" in default:
        default, stated = limits.parse(default), limits.parse(str(stated))
    assert stated == default


@pytest.mark.parametrize("key", sorted(POLICY_KEYS))
def test_a_built_in_policy_has_what_is_stated(key: str):
    stated = [value(cell) for cell in SETTINGS[key][: len(BUILTIN)]]

    assert stated == [getattr(policy, key) for policy in BUILTIN.values()]


def test_what_each_setting_takes_is_stated():
    """Where it is not: python -m tests.docs.ranges"""
    assert ranges.stated() == ranges.table()


def test_the_policies_stand_in_the_tables_head():
    assert f"| key | {' | '.join(BUILTIN)} | meaning |" in page("settings.md")


def test_each_cause_stands_below_the_word_that_it_is_answered_with():
    sections = re.split(r"^## `(\w+)`$", page("errors.md"), flags=re.MULTILINE)[1:]
    stated = {
        (PublicError(word), Cause(cause))
        for word, text in zip(sections[::2], sections[1::2], strict=True)
        for cause in rows(text.split("\n## ")[0])
    }

    assert stated == {(PUBLIC_ERROR.get(cause, PublicError.INVALID_GRANT), cause) for cause in Cause}


@pytest.mark.parametrize("cause", Cause)
def test_an_error_has_the_status_that_is_stated(cause: Cause):
    refused = Refused(cause)
    text = page("errors.md").split(f"## `{refused.error}`\n")[1].split("\n## ")[0]

    assert str(response(refused).status_code) in text.split("\n|")[0] + rows(text)[cause][0]


def test_each_error_of_a_programmer_is_listed():
    mistakes = {name for name, each in vars(errors).items() if _is_mistake(each)}

    assert mistakes <= rows(page("errors.md").split("## Of a programmer")[1]).keys()


def test_each_signal_is_listed_with_its_sender_and_its_arguments():
    sent = rows(page("signals.md").split("## What tokenauth listens to")[0])
    ours = {name: signal for name, signal in vars(signals).items() if isinstance(signal, Signal)}

    assert sent.keys() == ours.keys()
    for name, signal in ours.items():
        sender, arguments = sent[name][0], re.findall(r"`(\w+)`", sent[name][1])
        assert sender == f"`{signals._SENDERS[signal].__name__}`"
        assert arguments == _arguments(name)


def test_each_call_of_the_contract_is_listed():
    stated = page("http.md").replace("`, `/.well-known", "`, `GET /.well-known")
    calls = [
        f"{method.upper()} {_as_written(path)}"
        for path, methods in document.committed()["paths"].items()
        for method in methods.keys() & {"get", "post", "patch", "delete"}
    ]

    assert [call for call in calls if f"`{call}" not in stated] == []
    assert len(calls) > 15


def test_a_pair_has_the_members_that_are_stated():
    contract = document.committed()
    schema = contract["paths"]["/auth/token/refresh/"]["post"]["responses"]["200"]["content"][
        "application/json"
    ]["schema"]
    members = contract["components"]["schemas"][schema["$ref"].rsplit("/")[-1]]["properties"]

    (stated,) = re.findall(r"A pair is `\{(.+)\}`", page("http.md"))
    assert set(stated.split(", ")) == members.keys()


def value(cell: str) -> Any:
    """What a cell of a table means: a number with its unit, a literal, or a word of a policy."""
    if number := re.match(r"([\d,]+(?:\.\d+)?)(?: s)?(?: \(.*\))?$", cell):
        return float(number[1].replace(",", ""))
    literal = cell.strip("`")
    try:
        return ast.literal_eval(literal)
    except (ValueError, SyntaxError):
        return literal


def _as_written(path: str) -> str:
    return re.sub(r"\{\w+_id\}", "{id}", path.removeprefix("/auth/"))


def _arguments(name: str) -> list[str]:
    """The words that the comment above a signal lists after its first colon."""
    above = inspect.getsource(signals).split(f"\n{name} = Signal()")[0].rsplit("= Signal()", 1)[-1]
    comment = " ".join(line[3:] for line in above.splitlines() if line.startswith("#: "))
    facts = re.search(r": (`\w+`(?:, `\w+`)*)", comment)
    return re.findall(r"\w+", facts[1]) if facts else []


def _is_mistake(each: object) -> bool:
    return isinstance(each, type) and issubclass(each, TokenAuthError) and each is not TokenAuthError
