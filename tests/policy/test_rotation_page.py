"""The stories of docs/explanation/rotation.md are what the decision does."""

import re
from pathlib import Path

import pytest

from tests.guarantees.rotation_model.game import Game
from tests.guarantees.rotation_model.moves import Shows
from tests.guarantees.rotation_model.row import Row, Token, answered, written
from tests.guarantees.rotation_model.rules import Rules
from tokenauth.policy.decisions import Advance, Branch, Repeat, Theft

PAGE = (Path(__file__).parents[2] / "docs/explanation/rotation.md").read_text()
STORIES = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
LINE = re.compile(
    r" *(?P<at>\d+) s  (?P<who>\w+)  (?P<shown>[\d.]+)  (?:key (?P<key>\w+) +)?"
    r"(?P<word>\w+) +(?P<gets>[\d.]*)"
)
WORDS = {Advance: "rotated", Repeat: "repeated", Branch: "sibling", Theft: "THEFT"}
KEYS = {"mine": "owner", "his": "thief", None: None}


def token(text: str) -> Token:
    generation, branch = text.split(".")
    return int(generation), int(branch)


@pytest.mark.parametrize("story", STORIES, ids=range(1, len(STORIES) + 1))
def test_a_story_goes_as_it_is_told(story):
    game = Game(Rules(window=10, overlaps=3, exact="key" in story))
    row, then = Row(generation=5, won=0), 0

    for line in story.splitlines():
        told = LINE.match(line)
        assert told, line
        row = row._replace(age=row.age + int(told["at"]) - then)
        then = int(told["at"])
        shows = Shows(told["who"], token(told["shown"]), KEYS[told["key"]], expired=False, can_repeat=True)

        verdict = game.verdict(row, shows)

        assert WORDS[type(verdict)] == told["word"], line
        assert answered(row, verdict) == (token(told["gets"]) if told["gets"] else None), line
        row = written(row, verdict, shows.key)


def test_all_six_stories_were_told():
    assert len(STORIES) == 6
