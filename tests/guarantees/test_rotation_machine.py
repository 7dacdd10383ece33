"""The rotation machine played for real: owner and thief against the flow, on the database (PROTOCOL 1)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.guarantees.rotation_machine import PLAYED, POLICIES, RotationMachine, WithFailovers, WithThief
from tests.guarantees.rotation_model import wrong
from tests.guarantees.rotation_model.rules import Rules

pytestmark = [pytest.mark.stepwise, pytest.mark.django_db(transaction=True)]

EXACT = replace(PLAYED, exact=True, keys="always")
GAMES: dict[str, tuple[type[RotationMachine], Rules]] = {
    "owner alone": (RotationMachine, PLAYED),
    "owner alone, keys now and then": (RotationMachine, replace(PLAYED, keys="sometimes")),
    "owner alone, exact": (RotationMachine, EXACT),
    "owner alone, failovers": (WithFailovers, replace(PLAYED, lag=10_000)),
    "thief": (WithThief, replace(PLAYED, thefts="one")),
    "thief, keys now and then": (WithThief, replace(PLAYED, thefts="one", keys="sometimes")),
    "thief, exact": (WithThief, replace(EXACT, thefts="one")),
    "thief, exact, with the key": (WithThief, replace(EXACT, thefts="one", steals_key=True)),
    "thief, again and again, with keys": (
        WithThief,
        replace(PLAYED, thefts="any number", keys="sometimes", steals_key=True),
    ),
}
QUICK, THOROUGH = 10, 30
#: Rounds in which a wrong decision shows; nearly always it is the first.
MOST_ROUNDS = 6


@pytest.fixture(autouse=True)
def played_policies(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": POLICIES}


@pytest.mark.timeout(600)  # a play that fails is made shorter first
@pytest.mark.parametrize("game", GAMES)
def test_an_owner_alone_is_never_refused_and_theft_is_found_within_the_bound(game):
    play(game, examples=QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("game", GAMES)
def test_the_same_in_many_more_plays(game):
    play(game, examples=THOROUGH)


#: What the flow would do if the decision were wrong, and in which game that shows.
WRONG = {
    wrong.any_reuse_is_theft: "owner alone",
    wrong.newer_than_the_database_is_theft: "owner alone, failovers",
    wrong.no_overlap_limit: "thief",
    wrong.a_lost_branch_is_a_parent_too: "thief",
    wrong.an_exact_family_takes_any_key: "thief, exact",
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("decide", WRONG, ids=lambda decide: decide.__name__)
def test_a_flow_that_decides_wrongly_is_noticed(decide, monkeypatch):
    monkeypatch.setattr("tokenauth.policy.decisions.on_refresh", decide)

    with pytest.raises(AssertionError):
        play_rounds(WRONG[decide])


def play_rounds(game: str) -> None:
    """By chance: no failover may fall where it shows in the first of them."""
    for _ in range(MOST_ROUNDS):
        play(game, examples=THOROUGH, phases=[Phase.generate])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_flow_that_does_not_write_an_overlap_is_noticed(monkeypatch):
    monkeypatch.setattr("tokenauth.flows.verdict.overlap", lambda *_: None)

    with pytest.raises(AssertionError):
        play("owner alone", examples=THOROUGH, phases=[Phase.generate])


def play(game: str, *, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    machine, rules = GAMES[game]
    tally: Counter[str] = Counter()
    played = type(machine.__name__, (machine,), {"terms": rules, "tally": tally})

    run_state_machine_as_test(
        played,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            phases=phases,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

    print(f"\n{game}: {dict(tally)}, refusals of an owner alone before his token expired: 0")
    assert tally["longest run of a thief"] <= rules.longest_run
