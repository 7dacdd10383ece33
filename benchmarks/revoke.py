"""What it costs to revoke a user, whatever the number of his sessions."""

from benchmarks.bench import Bench
from benchmarks.budgets import DOT, SIMPLEJWT
from benchmarks.results import OURS

CASE = "revoke"
SIZES = (1, 100, 10_000)


def measure(bench: Bench) -> None:
    """Time by number of sessions; statements and write-ahead log of the most."""
    ours = bench.own_worker("ours")
    sites = {OURS: ours, SIMPLEJWT: bench.own_worker("simplejwt"), "knox": bench.own_worker("knox")}
    sites[DOT] = bench.own_worker("dot")
    for many in SIZES:
        deeds = {who: site.deed("revoke_user", many=many) for who, site in sites.items()}
        bench.compare(CASE, f"{many:,} sessions", deeds, seconds=0.1)
        if many == SIZES[-1]:
            before = {who: [deed.statements_before_commit()] for who, deed in deeds.items()}
            bench.record(CASE, f"statements, {many:,} sessions", "", before)
            written = {who: (lambda deed=deed: deed.wal()) for who, deed in deeds.items()}
            bench.rounds(CASE, f"WAL, {many:,} sessions", "B", written)
    few_and_many = {f"{many:,} sessions": ours.deed("revoke_user", many=many) for many in (10, 10_000)}
    bench.compare(CASE, "tokenauth by sessions", few_and_many, seconds=0.1)
