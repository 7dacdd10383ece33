"""What PROTOCOL 1 promises, held against each step of a game."""

from tests.guarantees.rotation_model.game import Step
from tests.guarantees.rotation_model.moves import Shows
from tests.guarantees.rotation_model.rules import Rules
from tests.guarantees.rotation_model.world import World
from tokenauth.errors import Cause
from tokenauth.policy.decisions import Refuse, Theft, Verdict

NEVER_REFUSED = "an owner alone is never refused before his token expires"
NEVER_A_THIEF = "an owner alone is never taken for a thief"
LOSER_IS_FOUND = "a holder that has lost is found when it presents again"
FOUND_AT_ONCE = "with an exact key the second holder is found at his first presentation"
NO_TWO_CHAINS = "two chains never both live on beyond the bound"


def broken_by(world: World, step: Step, rules: Rules) -> str | None:
    """Return the promise that this step out of `world` breaks."""
    if not isinstance(step.move, Shows) or step.verdict is None:
        return None
    if step.move.who == "owner" and not world.score.ever_began:
        return _broken_for_the_owner_alone(world, step.move, step.verdict, rules)
    if not world.row.may_still_count(step.move.token) and not isinstance(step.verdict, Theft):
        return LOSER_IS_FOUND
    return None if step.world is None else _broken_bound(step.world, rules)


def _broken_bound(world: World, rules: Rules) -> str | None:
    score = world.score
    if score.shared > rules.most_shared and not rules.window_decides:
        return FOUND_AT_ONCE
    if score.shared > rules.most_shared or max(score.owner, score.thief) > rules.longest_run:
        return NO_TWO_CHAINS
    return None


def _broken_for_the_owner_alone(world: World, shows: Shows, verdict: Verdict, rules: Rules) -> str | None:
    if isinstance(verdict, Theft):
        return NEVER_A_THIEF
    if not isinstance(verdict, Refuse):
        return None
    expired = shows.expired and verdict.cause in {Cause.EXPIRED, Cause.EXPIRED_PARENT}
    full = verdict.cause is Cause.BRANCHES_FULL and world.row.branches == rules.most_branches
    return None if expired or full else NEVER_REFUSED
