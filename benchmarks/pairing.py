"""Measuring several subjects in turn, so that what slows the machine slows all of them."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from statistics import median, quantiles

#: Measures one subject once and returns what it cost.
Subject = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Found:
    """A median, and half of what the middle half of the samples spans."""

    median: float
    spread: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Found":
        if len(samples) < 2:
            return cls(samples[0], 0.0)
        low, _, high = quantiles(samples, n=4, method="inclusive")
        return cls(median(samples), (high - low) / 2)


def interleaved(subjects: Mapping[str, Subject], repeats: int) -> dict[str, tuple[float, ...]]:
    """Measure each subject once a round, every other round in the opposite order.

    Returns:
        The samples of each, one a round: those of one round belong together.
    """
    samples: dict[str, list[float]] = {who: [] for who in subjects}
    for turn in range(repeats):
        order = list(subjects) if turn % 2 == 0 else list(subjects)[::-1]
        for who in order:
            samples[who].append(subjects[who]())
    return {who: tuple(taken) for who, taken in samples.items()}


def ratio(over: Sequence[float], under: Sequence[float]) -> Found:
    """Compare two subjects round by round.

    Raises:
        ValueError: They were not measured in the same rounds.
    """
    return Found.of([a / b for a, b in zip(over, under, strict=True)])


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no garbage collection fall into what is measured; it is done before."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds_each(
    deed: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the seconds that a deed takes on average when it is done so many times in a row.

    Args:
        clock: `time.thread_time` for what waits for nothing: others on the machine count less.
    """
    with uncollected():
        started = clock()
        for _ in repeat(None, times):
            deed()
        return (clock() - started) / times


def seconds_of(deed: Callable[[], object]) -> float:
    """Return the seconds that doing it once takes."""
    return seconds_each(deed, 1)


def times_for(deed: Callable[[], object], seconds: float) -> int:
    """Return how many times a deed can be done in so many seconds, at least once; it is warm afterwards."""
    times = 1
    while (taken := seconds_each(deed, times) * times) < seconds / 10:
        times *= 2 if taken == 0 else max(2, min(10, int(seconds / 10 / taken)))
    return max(1, int(times * seconds / taken))
