"""All that one moment of a game consists of."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.guarantees.rotation_model.row import Row, Token

#: Stands for every token that is older than the parent of the newest: they are all judged alike.
OLD: Token = (0, 0)
#: Where `canonical` puts the row's generation, so that OLD lies below the parent's.
HERE = 2


class Owner(NamedTuple):
    """A client that keeps its side: one store, compare-and-set, an answer is saved before it is used.

    Lost answers, late retries, doubled requests and a second process over the store need nothing
    more: at any moment some process may present what the store holds, and any answer may come at any
    later moment or never.
    """

    store: Token = (0, 0)
    #: What the store held before: a request with it may still arrive until `store` is presented.
    former: Token | None = None
    #: Answers to `store` that may still arrive.
    awaited: frozenset[Token] = frozenset()
    #: Answers to `former`: they will be dropped on arrival, but can be stolen on their way.
    superseded: frozenset[Token] = frozenset()

    def saves(self, answer: Token) -> "Owner":
        return Owner(answer, self.store, frozenset(), self.awaited | self.superseded)

    def is_answered(self, token: Token, answer: Token) -> "Owner":
        if token == self.store:
            return self._replace(awaited=self.awaited | {answer})
        return self._replace(superseded=self.superseded | {answer})


class Thief(NamedTuple):
    """Holds what he copied and what he was answered; he never forgets."""

    tokens: frozenset[Token] = frozenset()
    #: Tokens he also has the owner's Idempotency-Key for.
    keyed: frozenset[Token] = frozenset()
    has_stolen: bool = False


class Score(NamedTuple):
    """Generations that were answered to each holder, from the thief's first answer on, until one has lost."""

    began: bool = False
    ever_began: bool = False
    owner: int = 0
    thief: int = 0
    shared: int = 0
    owner_here: bool = False
    thief_here: bool = False


DECIDED = Score(began=True, ever_began=True)


class World(NamedTuple):
    row: Row = Row()
    owner: Owner = Owner()
    thief: Thief = Thief()
    score: Score = Score()
    #: What a failover would set the row back to.
    standby: Row | None = None

    @property
    def owner_has_lost(self) -> bool:
        counts = self.row.may_still_count
        return not (counts(self.owner.store) or any(map(counts, self.owner.awaited)))

    @property
    def thief_has_lost(self) -> bool:
        return not any(map(self.row.may_still_count, self.thief.tokens))


Renaming = Callable[[Token], Token]


def canonical(world: World) -> World:
    """The same moment under names that do not tell how it came about: equal moments become equal worlds.

    That makes them finitely many. Only differences of generations are ever compared, a branch only
    with `won` and with the newest one: so worlds that differ by such names have the same futures.
    """
    row, owner, thief, score, standby = world
    named = renaming(world)
    counts = row.may_still_count
    return World(
        _moved(row, row.generation - named(row.newest)[0], won=0 if standby is None else row.won),
        Owner(
            named(owner.store),
            None if owner.former is None else named(owner.former),
            frozenset([named(token) for token in owner.awaited]),
            frozenset([named(token) for token in owner.superseded if counts(token)]),
        ),
        Thief(
            # that he may hold older ones goes without saying
            frozenset([named(token) for token in thief.tokens if token[0] >= row.generation - 1]),
            frozenset([named(token) for token in thief.keyed if counts(token)]),
            thief.has_stolen,
        ),
        # whoever has lost never wins again: what the other had got by then is measured already
        DECIDED if score.began and (world.owner_has_lost or world.thief_has_lost) else score,
        None if standby is None else _moved(standby, row.generation - named(row.newest)[0], won=standby.won),
    )


def renaming(world: World) -> Renaming:
    """How `canonical` names the tokens of this world."""
    row, standby = world.row, world.standby
    if standby is not None:
        by = min(row.generation, standby.generation) - HERE
        return lambda token: (token[0] - by, token[1]) if token[0] - by >= HERE - 1 else OLD

    generation, won = row.generation, row.won
    branches = _in_order(world) if row.branches > 2 else range(row.branches)

    def named(token: Token) -> Token:
        if token[0] == generation:
            return HERE, branches[token[1]]
        if token[0] == generation - 1:
            return HERE - 1, int(token[1] != won)
        return OLD

    return named


def _in_order(world: World) -> Sequence[int]:
    """New numbers for the branches: by who holds them, the newest last."""
    row, owner, thief = world.row, world.owner, world.thief

    def holders(branch: int) -> tuple[bool, ...]:
        token = row.generation, branch
        return (
            token == owner.store,
            token in owner.awaited,
            token in owner.superseded,
            token in thief.tokens,
            token in thief.keyed,
        )

    numbers = [0] * row.branches
    for number, branch in enumerate(sorted(range(row.branches - 1), key=holders)):
        numbers[branch] = number
    numbers[-1] = row.branches - 1
    return numbers


def _moved(row: Row, by: int, *, won: int | None) -> Row:
    return row._replace(generation=row.generation - by, won=None if row.won is None else won)
