"""What it costs a resource server to ask about a token."""

from benchmarks.bench import Bench
from benchmarks.budgets import DOT
from benchmarks.results import OURS

CASE = "introspect"


def measure(bench: Bench) -> None:
    """A whole request, and its statements."""
    deeds = {OURS: bench.worker("ours").deed("introspect"), DOT: bench.worker("dot").deed("introspect")}
    bench.compare(CASE, "a live token", deeds)
    bench.record(CASE, "statements", "", {who: [deed.statements()] for who, deed in deeds.items()})
