"""What it costs to delete what is past, and those who refresh meanwhile."""

from collections.abc import Callable
from statistics import quantiles

from benchmarks.bench import Bench
from benchmarks.budgets import SIMPLEJWT
from benchmarks.results import OURS
from benchmarks.workers import Deed

CASE = "purge"
ROUNDS = 3
BESIDE, QUIET = "beside a purge", "quiet"


def measure(bench: Bench) -> None:
    """Rows a second beside simplejwt's command; batches, memory, and a refresh beside it."""
    many = bench.pick(1_000_000, 50_000)
    environ = bench.environ("ours")
    ours = bench.beside("ours", environ)
    deeds = {
        OURS: ours.deed("purge", many=many),
        SIMPLEJWT: bench.own_worker("simplejwt").deed("purge", many=many),
    }
    rates = {who: _rate(deed, many) for who, deed in deeds.items()}
    bench.rounds(CASE, "rows/s", "/s", rates, repeats=ROUNDS)
    _in_batches(bench, deeds[OURS])
    refresh = bench.beside("ours", environ).deed("refresh").calibrate(0.1)
    _refresh_beside(bench, deeds[OURS], refresh)


def _rate(deed: Deed, many: int) -> Callable[[], float]:
    return lambda: many / deed.seconds()


def _in_batches(bench: Bench, purge: Deed) -> None:
    before = purge.worker.call("resident")
    taken: list[float] = purge.do()
    most = purge.worker.call("most_resident")
    last = quantiles(taken, n=100)[-1] if len(taken) > 1 else taken[0]
    bench.record(CASE, "batch, p99", "s", {OURS: [last]})
    bench.record(CASE, "batch, longest", "s", {OURS: [max(taken)]})
    bench.record(CASE, "memory", "B", {OURS: [max(0, most - before)]})


def _refresh_beside(bench: Bench, purge: Deed, refresh: Deed) -> None:
    """Refresh in a process of its own before each purge and during it."""
    samples: dict[str, list[float]] = {BESIDE: [], QUIET: []}
    for _ in range(ROUNDS):
        purge.worker.call("ready", purge.handle)
        quiet = refresh.seconds()
        purge.worker.begin("do_ready", purge.handle)
        while not purge.worker.has_answered():
            samples[BESIDE].append(refresh.seconds())
            samples[QUIET].append(quiet)
        purge.worker.end()
    bench.record(CASE, "a refresh", "s", samples)
