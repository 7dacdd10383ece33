"""A play in words, under the names that its tokens really have."""

from collections.abc import Sequence
from itertools import pairwise

from tests.guarantees.rotation_model.game import Game, Step
from tests.guarantees.rotation_model.moves import Shows
from tests.guarantees.rotation_model.row import Token, answered
from tests.guarantees.rotation_model.world import HERE, World, canonical, renaming
from tokenauth.policy.decisions import Advance, Branch, Refuse, Repeat, Theft, Verdict


def told(game: Game, path: Sequence[World], last: Step) -> str:
    """Tell the play that leads through these worlds, and the step after them."""
    names = _Names(game.rules.most_branches)
    lines = []
    for world, after in pairwise(path):
        step = next(s for s in game.steps(world) if s.world is not None and canonical(s.world) == after)
        lines.append(_sentence(world, step, names))
        names.follow(step.world)
    lines.append(_sentence(path[-1], last, names))
    return "\n".join(f"{number:3}. {line}" for number, line in enumerate(lines, start=1))


class _Names:
    """What the tokens of a canonical world are called in the play: generation.branch."""

    def __init__(self, most_branches: int) -> None:
        self._branches = range(most_branches + 1)
        self._shift = -HERE
        self._known: dict[Token, Token] = {}

    def __getitem__(self, token: Token) -> str:
        generation, branch = self._real(token)
        return f"{generation}.{branch}" if token[0] >= HERE - 1 else "an older token"

    def follow(self, world: World) -> None:
        """Go on to the names of the canonical form of `world`."""
        named = renaming(world)
        newest = world.row.newest
        known: dict[Token, Token] = {}
        for generation in (newest[0], newest[0] - 1):
            for branch in self._branches:
                if generation < newest[0] or branch < world.row.branches:
                    token = generation, branch
                    known.setdefault(named(token), self._real(token))
        self._shift += newest[0] - named(newest)[0]
        self._known = known

    def _real(self, token: Token) -> Token:
        return self._known.get(token, (token[0] + self._shift, token[1]))


def _sentence(world: World, step: Step, names: _Names) -> str:
    move = step.move
    if not isinstance(move, Shows):
        return move.what if move.token is None else f"{move.what} {names[move.token]}"

    key = "" if move.key is None else f" with the key '{move.key}'"
    own = " after its own expiry" if move.expired else ""
    lost = ", the newest pair cannot be made again" if not move.can_repeat else ""
    answer = answered(world.row, step.verdict) if step.verdict else None
    gets = "" if answer is None else f", gets {names[answer]}"
    return f"the {move.who} presents {names[move.token]}{key}{own}{lost}: {_word(step.verdict)}{gets}"


def _word(verdict: Verdict | None) -> str:
    match verdict:
        case Advance(adopted=adopted):
            return "adopted" if adopted else "rotated"
        case Repeat():
            return "the same answer again"
        case Branch():
            return "a sibling"
        case Refuse(cause=cause):
            return f"refused ({cause})"
        case Theft(line=line):
            return f"THEFT (line {line}), the family dies"
    return ""
