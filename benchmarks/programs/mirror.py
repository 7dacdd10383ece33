"""What live orders cost a process, as `benchmarks.mirror` measures it."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.budgets import BARE_LOOP
from benchmarks.programs import printed
from benchmarks.results import OURS

CASE = "mirror"


class Row(NamedTuple):
    """A line of its table: MiB, seconds, nanoseconds and milliseconds."""

    orders: int
    counted: float
    traced: float
    resident: float
    load: float
    processor: float
    sweep: float
    miss: float
    hit: float
    judge: float
    pause: float
    sweep_pause: float
    bare_pause: float


def measure(bench: Bench) -> None:
    """Memory, load, look-up and pauses by number of orders."""
    sizes = bench.pick(("1000", "100000", "1000000"), ("1000", "100000"))
    for size in sizes:
        # a database of its own each: it is filled with so many
        environ = bench.environ("ours")
        for row in rows(printed("benchmarks.mirror", "--database", "--sizes", size, environ=environ)):
            _record(bench, row)


def rows(said: str) -> Iterator[Row]:
    """Yield the lines of the table; what stands above it begins with no number."""
    for line in said.splitlines():
        cells = line.replace(",", "").split()
        if len(cells) == len(Row._fields) and cells[0].isdigit():
            yield Row(int(cells[0]), *map(float, cells[1:]))


def _record(bench: Bench, row: Row) -> None:
    size = f"{row.orders:,} orders"
    memory = {OURS: [row.traced * 2**20], "tokenauth, resident": [row.resident * 2**20]}
    bench.record(CASE, f"memory, {size}", "B", memory)
    bench.record(CASE, f"load, {size}", "s", {OURS: [row.load]})
    bench.record(CASE, f"look-up, {size}", "s", {OURS: [max(row.miss, row.hit) / 1e9]})
    bench.record(CASE, f"a token judged, {size}", "s", {OURS: [row.judge / 1e9]})
    pauses = {OURS: [row.pause / 1e3], BARE_LOOP: [row.bare_pause / 1e3]}
    bench.record(CASE, f"pause, {size}", "s", pauses)
