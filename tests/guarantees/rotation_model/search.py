"""Breadth first through every world that a game can reach, to the last one."""

from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import patch

from tests.guarantees.rotation_model.game import Game
from tests.guarantees.rotation_model.promises import broken_by
from tests.guarantees.rotation_model.rules import Rules
from tests.guarantees.rotation_model.story import told
from tests.guarantees.rotation_model.world import World, canonical
from tokenauth.policy import decisions


class Counterexample(AssertionError):
    """A promise that was broken, and a shortest play that breaks it."""

    def __init__(self, promise: str, story: str) -> None:
        super().__init__(f"broken: {promise}\n{story}")
        self.promise = promise


@dataclass(slots=True)
class Figures:
    """What a whole game came to."""

    states: int = 0
    transitions: int = 0
    #: Moves from the start to the furthest state: beyond it there is nothing new.
    depth: int = 0
    deaths: int = 0
    #: Generations answered to the thief until the owner had lost, the reverse, and to both.
    thief_run: int = 0
    owner_run: int = 0
    shared: int = 0

    def __str__(self) -> str:
        return (
            f"{self.states:>8} {self.transitions:>9} {self.depth:>5}"
            f" {self.thief_run:>5} {self.owner_run:>5} {self.shared:>5}"
        )


def explore(rules: Rules) -> Figures:
    """Play everything that can happen under these rules.

    Raises:
        Counterexample: A promise was broken.
    """
    with patch.object(decisions, "MOST_BRANCHES", rules.most_branches):
        return _Search(rules).run()


class _Search:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.game = Game(rules)
        self.figures = Figures()
        start = canonical(self.game.start())
        self.came_from: dict[World, World | None] = {start: None}
        self.layer = [start]

    def run(self) -> Figures:
        while self.layer:
            self.layer = [found for world in self.layer for found in self._new_after(world)]
            self.figures.depth += bool(self.layer)
        self.figures.states = len(self.came_from)
        return self.figures

    def _new_after(self, world: World) -> Iterator[World]:
        for step in self.game.steps(world):
            self.figures.transitions += 1
            promise = broken_by(world, step, self.rules)
            if promise is not None:
                raise Counterexample(promise, told(self.game, self._path_to(world), step))
            if step.world is None:
                self.figures.deaths += 1
            elif step.world is not world:
                self._measure(step.world)
                after = canonical(step.world)
                if after not in self.came_from:
                    self.came_from[after] = world
                    yield after

    def _measure(self, world: World) -> None:
        score, figures = world.score, self.figures
        figures.thief_run = max(figures.thief_run, score.thief)
        figures.owner_run = max(figures.owner_run, score.owner)
        figures.shared = max(figures.shared, score.shared)

    def _path_to(self, world: World) -> list[World]:
        path: list[World] = []
        at: World | None = world
        while at is not None:
            path.append(at)
            at = self.came_from[at]
        return path[::-1]
