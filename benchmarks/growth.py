"""What grows with the tables, and what does not."""

from benchmarks.bench import Bench

CASE = "growth"


def measure(bench: Bench) -> None:
    """The same deeds on sites with more and more sessions, events and orders, in turn."""
    sizes = bench.pick((1_000, 10_000, 100_000, 1_000_000), (1_000, 10_000))
    sites = {}
    for size in sizes:
        site = bench.own_worker("ours")
        site.deed("grown", sessions=size, orders=size)
        sites[f"{size:,}"] = site
    for name, how in (
        ("refresh", {}),
        ("login", {}),
        ("revoke_user", {"many": 5}),
        ("sessions", {"many": 5}),
    ):
        deeds = {size: site.deed(name, **how) for size, site in sites.items()}
        bench.compare(CASE, f"{name.replace('_', ' a ')}, by sessions, events and orders", deeds)
    warm = {size: site.deed("warm") for size, site in sites.items()}
    bench.compare_computing(CASE, "authenticate, by orders", warm)
