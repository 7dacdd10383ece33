"""The game: every move judged by the decision under test and written to the row."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tests.guarantees.rotation_model.moves import Becomes, Shows, other_moves, presentations
from tests.guarantees.rotation_model.row import Row, answered
from tests.guarantees.rotation_model.rules import Rules
from tests.guarantees.rotation_model.world import Score, World
from tokenauth.policy.builtin import Policy
from tokenauth.policy.decisions import OURS, Advance, Position, Presented, Theft, Verdict

_START = datetime(2026, 11, 1, tzinfo=UTC)
#: "other" never equals what a row remembers: it stands for a new key each time.
_KEYS = {
    None: None,
    "owner": b"o" * 16,
    "thief": b"t" * 16,
    "other": b"x" * 16,
    "spent": b"s" * 16,
    "ours": OURS,
}


class Step(NamedTuple):
    """What happened and where it led; `world` is None when the family died."""

    move: Shows | Becomes
    verdict: Verdict | None
    world: World | None


@dataclass(frozen=True, slots=True)
class Game:
    """The rules, with the verdicts already asked for."""

    rules: Rules
    _policy: Policy = field(init=False)
    _asked: dict[tuple[Row, Shows], Verdict] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        policy = Policy(name="game", grace=self.rules.window, overlaps=self.rules.overlaps)
        object.__setattr__(self, "_policy", policy)

    def start(self) -> World:
        return World(standby=Row() if self.rules.lag else None)

    def steps(self, world: World) -> Iterator[Step]:
        """Everything that may happen next."""
        for move in other_moves(world, self.rules):
            yield Step(move, None, move.world)
        for shows in presentations(world, self.rules):
            verdict = self.verdict(world.row, shows)
            yield Step(shows, verdict, self.after(world, shows, verdict))

    def verdict(self, row: Row, shows: Shows) -> Verdict:
        asked = (row, shows)
        if asked not in self._asked:
            self._asked[asked] = self._judge(row, shows)
        return self._asked[asked]

    def _judge(self, row: Row, shows: Shows) -> Verdict:
        position = Position(
            generation=row.generation,
            branches=row.branches,
            won=row.won,
            rotated_at=_START,
            attempt=_KEYS[row.attempt],
            overlap_run=row.overlap_run,
            overlapped=row.overlapped,
            exact=self.rules.exact,
            can_repeat=shows.can_repeat,
        )
        generation, branch = shows.token
        presented = Presented(
            generation=generation, branch=branch, expired=shows.expired, attempt=_KEYS[shows.key]
        )
        return self.rules.decide(position, presented, self._policy, at=_START + timedelta(seconds=row.age))

    def after(self, world: World, shows: Shows, verdict: Verdict) -> World | None:
        if isinstance(verdict, Theft):
            return None
        row, owner, thief, score, _ = world
        if shows.who == "owner" and shows.token == owner.store and not self.rules.very_late_requests:
            owner = owner._replace(former=None)
        answer = answered(row, verdict)
        if answer is None:
            return world._replace(owner=owner)
        new_row = self.rules.write(row, verdict, "spent" if shows.key == "other" else shows.key)
        # no comparison tells a longer run from one at the limit
        new_row = new_row._replace(overlap_run=min(new_row.overlap_run, self.rules.overlaps))
        if shows.who == "owner":
            owner = owner.is_answered(shows.token, answer)
        else:
            thief = thief._replace(tokens=thief.tokens | {answer})
        if self.rules.thefts == "none" or (self.rules.thefts == "one" and thief.has_stolen):
            owner = owner._replace(superseded=frozenset())  # nobody is left who could want them
        if self.rules.thefts != "none":
            score = counted(world, shows, isinstance(verdict, Advance))
        standby = world.standby
        if standby is not None and new_row.generation - standby.generation > self.rules.lag:
            standby = new_row  # no standby is ever further behind
        return World(new_row, owner, thief, score, standby)


def counted(world: World, shows: Shows, rotated: bool) -> Score:
    """The score after `shows.who` was answered in `world`."""
    score = world.score
    owner_here = score.owner_here and not rotated
    thief_here = score.thief_here and not rotated
    if not score.began:
        if shows.who == "owner":
            return score._replace(owner_here=True)
        both = int(owner_here)
        return Score(True, True, both, 1, both, owner_here, True)
    if shows.who == "owner":
        new = not owner_here and not world.thief_has_lost
        return score._replace(
            owner=score.owner + new,
            shared=score.shared + (new and thief_here),
            owner_here=True,
            thief_here=thief_here,
        )
    new = not thief_here and not world.owner_has_lost
    return score._replace(
        thief=score.thief + new,
        shared=score.shared + (new and owner_here),
        owner_here=owner_here,
        thief_here=True,
    )
