"""When a budget counts as missed."""

import importlib.util

import pytest

from benchmarks import __main__ as command
from benchmarks import budgets, report
from benchmarks.budgets import BUDGETS, Budget, Verdict
from benchmarks.pairing import Found
from benchmarks.results import OURS, Measurement
from tests.benchmarks import made_up

AT_LEAST = Budget(case="refresh", what="one at a time", over="simplejwt", under=OURS, at_least=4.5)
AT_MOST = Budget(case="refresh", what="statements", at_most=2)


@pytest.mark.parametrize(
    ("budget", "found", "verdict"),
    [
        (AT_LEAST, Found(4.5, 0.0), Verdict.MET),
        (AT_LEAST, Found(4.25, 0.5), Verdict.CLOSE),
        (AT_LEAST, Found(4.0, 0.25), Verdict.MISSED),
        (AT_MOST, Found(2.0, 0.0), Verdict.MET),
        (AT_MOST, Found(2.5, 0.5), Verdict.CLOSE),
        (AT_MOST, Found(3.0, 0.0), Verdict.MISSED),
        (AT_MOST, None, Verdict.NOT_MEASURED),
    ],
)
def test_a_budget_is_missed_by_more_than_the_spread(budget, found, verdict):
    assert budget.judge(found) is verdict


def test_a_ratio_is_taken_round_by_round():
    measured = made_up.run().measurements[0]

    assert AT_LEAST.found(measured) == Found(5.0, 0.0)


def test_a_missed_budget_is_told():
    slow = Measurement("refresh", "one at a time", "s", {OURS: [1.0], "simplejwt": [2.0]})

    missed = report.misses(made_up.run(slow))

    assert [each.found for each in missed if each.budget == AT_LEAST] == [Found(2.0, 0.0)]


def test_a_budget_that_its_case_left_out_counts_as_missed():
    missed = {each.budget.what: each.verdict for each in report.misses(made_up.run())}

    assert missed["statements"] is Verdict.NOT_MEASURED


def test_a_case_that_did_not_run_is_no_miss():
    assert {each.budget.case for each in budgets.judged(made_up.run())} == {"refresh"}


def test_what_only_a_whole_run_measures_is_not_asked_of_a_quick_one():
    purged = Measurement("purge", "rows/s", "/s", {OURS: [10.0], "simplejwt": [1.0]})

    whole = {each.budget for each in budgets.judged(made_up.run(purged))}
    quick = {each.budget for each in budgets.judged(made_up.run(purged, quick=True))}

    assert {each.what for each in whole - quick} == {"batch, p99", "batch, longest", "memory"}


def test_every_budget_has_one_limit_and_a_case_that_can_run():
    for budget in BUDGETS:
        assert (budget.at_least is None) != (budget.at_most is None), budget
        assert budget.case in command.CASES, budget


def test_every_case_is_there():
    for case in command.CASES:
        assert importlib.util.find_spec(command.module_of(case)), case
