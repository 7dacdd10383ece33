"""Measuring in turn, and comparing round by round."""

import gc

import pytest

from benchmarks import pairing
from benchmarks.pairing import Found


def test_subjects_are_measured_in_turn_every_other_round_in_the_opposite_order():
    order = []
    subjects = {who: lambda who=who: order.append(who) or 1.0 for who in "AB"}

    samples = pairing.interleaved(subjects, 3)

    assert "".join(order) == "ABBAAB"
    assert samples == {"A": (1.0, 1.0, 1.0), "B": (1.0, 1.0, 1.0)}


def test_what_slows_both_subjects_of_a_round_leaves_their_ratio_alone():
    assert pairing.ratio([2.0, 200.0, 4.0], [1.0, 100.0, 2.0]) == Found(2.0, 0.0)


def test_samples_of_different_rounds_are_not_compared():
    with pytest.raises(ValueError, match="zip"):
        pairing.ratio([1.0, 2.0], [1.0])


def test_one_outlier_moves_neither_median_nor_spread():
    assert Found.of([1.0, 1.0, 1.0, 1.0, 99.0]) == Found(1.0, 0.0)


def test_the_spread_is_half_of_what_the_middle_half_spans():
    assert Found.of([1.0, 2.0, 3.0, 4.0, 5.0]) == Found(3.0, 1.0)


def test_a_single_sample_has_no_spread():
    assert Found.of([3.0]) == Found(3.0, 0.0)


def test_no_garbage_is_collected_while_something_is_measured():
    seen = []

    pairing.seconds_each(lambda: seen.append(gc.isenabled()), 2)

    assert seen == [False, False]
    assert gc.isenabled()


def test_garbage_is_collected_again_after_a_measurement_that_failed():
    with pytest.raises(ZeroDivisionError):
        pairing.seconds_of(lambda: 1 / 0)

    assert gc.isenabled()


def test_a_sample_says_what_doing_it_once_takes():
    clock = iter([10.0, 14.0]).__next__

    assert pairing.seconds_each(lambda: None, 8, clock) == 0.5
