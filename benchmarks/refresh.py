"""What a refresh costs: a whole request, but for the network."""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.bench import Bench
from benchmarks.budgets import DOT, SIMPLEJWT
from benchmarks.results import OURS
from benchmarks.workers import Worker

CASE = "refresh"
_UNLIMITED = "tokenauth without limits"


def measure(bench: Bench) -> None:
    """One at a time and many at once; statements, write-ahead log, and what it leaves in the tables."""
    ours, simplejwt, dot = bench.worker("ours"), bench.worker("simplejwt"), bench.worker("dot")
    sites = {OURS: ours, SIMPLEJWT: simplejwt, DOT: dot}
    deeds = {who: site.deed("refresh") for who, site in sites.items()}
    bench.record(CASE, "statements", "", {who: [deed.statements()] for who, deed in deeds.items()})
    early = ours.deed("refresh", by="web")
    bench.record(CASE, "statements, early", "", {OURS: [early.statements()]})
    bench.compare(CASE, "early", {OURS: early, SIMPLEJWT: deeds[SIMPLEJWT]}, seconds=0.2)
    unlimited = bench.worker("ours", LIMITS="off").deed("refresh")
    bench.compare(CASE, "one at a time", {**deeds, _UNLIMITED: unlimited}, seconds=0.2)
    bench.compare_computing(
        CASE, "one at a time, in this process", {**deeds, _UNLIMITED: unlimited}, seconds=0.2
    )
    unplanned = bench.worker("ours", PREPARED="off").deed("refresh")
    bench.compare(CASE, "planned each time", {OURS: unplanned, SIMPLEJWT: deeds[SIMPLEJWT]}, seconds=0.2)
    bench.rounds(CASE, "WAL", "B", {who: _wal_of(deed.wal) for who, deed in deeds.items()}, repeats=7)
    _in_tables(bench, sites, refreshes=bench.pick(2_000, 300))
    secret = ours.deed("client_secret").calibrate(0.05)
    bench.rounds(CASE, "client secret check", "s", {OURS: secret.seconds})
    _at_once(bench, threads=16, processes=1)
    _at_once(bench, threads=8, processes=2)


def _wal_of(wal: Callable[[int], float]) -> Callable[[], float]:
    # what others write meanwhile counts too: short samples, of which the median tells
    return lambda: wal(10)


def _at_once(bench: Bench, *, threads: int, processes: int) -> None:
    """Refreshes a second of many sessions, each refreshed again and again in a thread of its own."""
    subjects: dict[str, Callable[[], float]] = {}
    for who, site in ((OURS, "ours"), (SIMPLEJWT, "simplejwt"), (DOT, "dot")):
        environ = bench.environ(site)
        workers = [bench.beside(site, environ) for _ in range(processes)]
        handles = [[worker.deed("refresh").handle for _ in range(threads)] for worker in workers]
        subjects[who] = _rate(workers, handles, bench.pick(20, 8))
    shape = f"{processes} processes x {threads} threads" if processes > 1 else f"{threads} threads"
    bench.rounds(CASE, shape, "/s", subjects)


def _rate(workers: list[Worker], handles: list[list[str]], times: int) -> Callable[[], float]:
    def measured() -> float:
        began = time.perf_counter()
        for worker, own in zip(workers, handles, strict=True):
            worker.begin("seconds_in_threads", own, times)
        for worker in workers:
            worker.end()
        # the first of each thread, which opens its connection, is done and counted too
        return (times + 1) * sum(map(len, handles)) / (time.perf_counter() - began)

    return measured


_TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    OURS: (("tokenauth_tokenfamily",), ("tokenauth_tokenevent",)),
    SIMPLEJWT: ((), ("token_blacklist_outstandingtoken", "token_blacklist_blacklistedtoken")),
    DOT: ((), ("oauth2_provider_accesstoken", "oauth2_provider_refreshtoken")),
}


def _in_tables(bench: Bench, sites: dict[str, Worker], *, refreshes: int) -> None:
    sessions: dict[str, list[float]] = {}
    trail: dict[str, list[float]] = {}
    for who, site in sites.items():
        of_sessions, growing = _TABLES[who]
        # what a table's first vacuum makes beside it is no growth of this
        site.call("query", "VACUUM")
        before, hot_before = _sizes(site, of_sessions, growing), _hot(site)
        deed = site.deed("refresh")
        deed.times = refreshes
        deed.seconds()
        after, hot_after = _sizes(site, of_sessions, growing), _hot(site)
        sessions[who] = [after[0] - before[0]]
        trail[who] = [(after[1] - before[1]) / refreshes]
        if who == OURS:
            updates, hot = (b - a for a, b in zip(hot_before, hot_after, strict=True))
            bench.record(CASE, "HOT updates, of 1", "", {OURS: [hot / updates if updates else 0.0]})
    bench.record(CASE, "growth of the sessions' table", "B", {OURS: sessions[OURS]})
    bench.record(CASE, "growth of the trail", "B", trail)


def _sizes(site: Worker, *groups: tuple[str, ...]) -> list[int]:
    return [
        sum(site.call("query", f"SELECT pg_total_relation_size('{table}')")[0][0] for table in tables)
        for tables in groups
    ]


def _hot(site: Worker) -> tuple[int, int]:
    # the counters reach the view when a connection is idle for a moment
    site.call("query", "SELECT pg_stat_force_next_flush()")
    row: tuple[Any, ...] = site.call(
        "query",
        "SELECT coalesce(sum(n_tup_upd), 0), coalesce(sum(n_tup_hot_upd), 0) FROM pg_stat_user_tables "
        "WHERE relname = 'tokenauth_tokenfamily'",
    )[0]
    return int(row[0]), int(row[1])
