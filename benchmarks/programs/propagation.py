"""From a revocation's commit to its being in force elsewhere, as `benchmarks.propagation` measures it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.budgets import BARE_LOOP
from benchmarks.programs import printed
from benchmarks.results import OURS

CASE = "propagation"
_LINE = re.compile(r"(?P<what>\w+, (?:idle|beside work)) +(?P<figures>[\d. ]+)")


class Row(NamedTuple):
    """A line of its table, in milliseconds; a poll has no bare loop beside it."""

    what: str
    p50: float
    p99: float
    bare_p50: float | None = None
    bare_p99: float | None = None


def measure(bench: Bench) -> None:
    """By Redis, by NOTIFY and by polls alone; idle and beside work."""
    said = printed("benchmarks.propagation", bench.pick("200", "20"), environ=bench.environ("ours"))
    for row in rows(said):
        for name, ours, bare in (("p50", row.p50, row.bare_p50), ("p99", row.p99, row.bare_p99)):
            samples = {OURS: [ours / 1e3]}
            if bare is not None:
                samples[BARE_LOOP] = [bare / 1e3]
            bench.record(CASE, f"{row.what}, {name}", "s", samples)


def rows(said: str) -> Iterator[Row]:
    """Yield the lines of the table."""
    for line in said.splitlines():
        if (found := _LINE.match(line)) is not None:
            yield Row(found["what"], *map(float, found["figures"].split()[:4]))
