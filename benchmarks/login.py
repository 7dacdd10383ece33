"""What a login costs besides its password's hash."""

from benchmarks.bench import Bench
from benchmarks.budgets import DOT, SIMPLEJWT
from benchmarks.results import OURS

CASE = "login"


def measure(bench: Bench) -> None:
    """A whole request, and its statements."""
    sites = {OURS: "ours", SIMPLEJWT: "simplejwt", "knox": "knox", DOT: "dot"}
    deeds = {who: bench.worker(site).deed("login") for who, site in sites.items()}
    bench.compare(CASE, "without the hash", deeds, seconds=0.2)
    bench.record(CASE, "statements", "", {who: [deed.statements()] for who, deed in deeds.items()})
