"""Everything that may happen next."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tests.guarantees.rotation_model.row import Token
from tests.guarantees.rotation_model.rules import Rules
from tests.guarantees.rotation_model.world import OLD, World

Holder = Literal["owner", "thief"]


class Shows(NamedTuple):
    """A presentation. The game judges it and writes the row."""

    who: Holder
    token: Token
    key: str | None
    expired: bool
    can_repeat: bool


class Becomes(NamedTuple):
    """Anything that asks nothing of the decision."""

    what: str
    token: Token | None
    world: World


def presentations(world: World, rules: Rules) -> Iterator[Shows]:
    """Each holder may present each of his tokens, before or after its own expiry."""
    owner, thief = world.owner, world.thief
    shown = [("owner", owner.store, key) for key in rules.owner_keys]
    if owner.former is not None:
        shown += [("owner", owner.former, key) for key in rules.owner_keys]
    if rules.step_ups and owner.store[0] == world.row.generation:
        shown.append(("owner", owner.store, "ours"))
    # "any token that the owner's store ever held" is among what he may have copied
    for token in {OLD, *thief.tokens} if thief.has_stolen else ():
        shown += [("thief", token, key) for key in rules.thief_keys]
    shown += [("thief", token, "owner") for token in thief.keyed]

    for who, token, key in shown:
        is_parent = token == world.row.parent
        if is_parent and rules.only_outside and world.row.age <= rules.window:
            continue
        yield Shows(who, token, key, expired=False, can_repeat=True)
        yield Shows(who, token, key, expired=True, can_repeat=True)
        if is_parent:
            yield Shows(who, token, key, expired=False, can_repeat=False)


def other_moves(world: World, rules: Rules) -> Iterator[Becomes]:
    row, owner, thief = world.row, world.owner, world.thief
    if row.age <= rules.window:
        yield Becomes("a tick passes", None, world._replace(row=row._replace(age=row.age + 1)))
    if rules.skewed_clocks and row.age:
        yield Becomes("a slower clock is asked", None, world._replace(row=row._replace(age=0)))
    for answer in owner.awaited:
        yield Becomes("the owner saves the answer", answer, world._replace(owner=owner.saves(answer)))
    if rules.thefts == "any number" or (rules.thefts == "one" and not thief.has_stolen):
        yield from _thefts(world, rules)
    if rules.lag:
        yield from _failovers(world)


def _thefts(world: World, rules: Rules) -> Iterator[Becomes]:
    owner, thief = world.owner, world.thief
    in_store = {owner.store} | ({owner.former} if owner.former else set())
    for token in sorted(in_store | owner.awaited | owner.superseded):
        if not world.row.may_still_count(token):
            token = OLD
        with_key = {token} if rules.steals_key and token in in_store else set()
        stolen = thief._replace(tokens=thief.tokens | {token}, keyed=thief.keyed | with_key, has_stolen=True)
        # a new theft is a new beginning: the promise counts from the last one
        score = world.score._replace(began=False, owner=0, thief=0, shared=0, thief_here=False)
        what = "the thief copies, with its key," if with_key else "the thief copies"
        left = owner if rules.thefts == "any number" else owner._replace(superseded=frozenset())
        yield Becomes(what, token, world._replace(owner=left, thief=stolen, score=score))


def _failovers(world: World) -> Iterator[Becomes]:
    if world.standby != world.row:
        yield Becomes("the standby catches up", None, world._replace(standby=world.row))
        if world.standby is not None:
            yield Becomes("a failover loses commits", None, world._replace(row=world.standby))
