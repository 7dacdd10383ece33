"""The page of commands and the commands say the same."""

import argparse
import pkgutil
import re
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.core.management.base import BaseCommand

from tokenauth.doctor.examinations import EXAMINATIONS
from tokenauth.flows.housekeeping import JOBS
from tokenauth.management import commands
from tokenauth.models.key import KeyPurpose

PAGE = Path(__file__).parent.parent.parent / "docs/reference/commands.md"
SECTIONS = dict(re.findall(r"^## (\w+)\n(.+?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
COMMANDS = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
DJANGOS = {
    option
    for action in BaseCommand().create_parser("manage.py", "any")._actions
    for option in action.option_strings
}


def words_of(parser: argparse.ArgumentParser) -> set[str]:
    """Every action and option that a command has and Django's own do not."""
    words: set[str] = set()
    for action in parser._actions:
        words.update(set(action.option_strings) - DJANGOS)
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                words |= {name, *words_of(below)}
        elif not action.option_strings and action.choices:
            words.update(action.choices)
    return words - set(KeyPurpose)


def marked(section: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", section))


def test_every_command_has_its_section_and_no_other():
    assert sorted(SECTIONS) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_names_every_action_and_option(name):
    parser = load_command_class("tokenauth", name).create_parser("manage.py", name)

    assert words_of(parser) <= marked(SECTIONS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_names_no_option_that_is_not_there(name):
    parser = load_command_class("tokenauth", name).create_parser("manage.py", name)
    options = {word.split()[0] for word in marked(SECTIONS[name]) if word.startswith("--")}

    assert options <= words_of(parser)


def test_the_page_names_every_purpose_job_and_examination():
    assert set(KeyPurpose) <= marked(SECTIONS["tokenauth_keys"])
    assert set(JOBS) <= marked(SECTIONS["tokenauth_run"])
    rows = re.findall(
        r"^\| `(\w+)` \|", SECTIONS["tokenauth_doctor"].partition("| examined |")[2], re.MULTILINE
    )
    assert rows == [each.name for each in EXAMINATIONS]
