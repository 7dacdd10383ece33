"""What a user's own list of sessions costs; no peer has one."""

from benchmarks.bench import Bench
from benchmarks.results import OURS

CASE = "sessions"


def measure(bench: Bench) -> None:
    """By number of sessions: a page holds 50."""
    ours = bench.worker("ours")
    for many in (1, 50):
        deed = ours.deed("sessions", many=many)
        bench.compare(CASE, f"list of {many}", {OURS: deed})
        bench.record(CASE, f"statements, list of {many}", "", {OURS: [deed.statements()]})
