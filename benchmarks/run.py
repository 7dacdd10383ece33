"""Running cases one after another."""

import importlib
import os
import sys
import time
from collections.abc import Mapping

import redis as redis_client

from benchmarks.bench import Bench
from benchmarks.databases import Databases
from benchmarks.results import Run


def measured(run: Run, modules: Mapping[str, str], *, database: str, redis: str, repeats: int | None) -> None:
    """Measure cases by their modules into a run; databases and cache entries are gone afterwards."""
    prefix = f"bench_{os.getpid()}"
    with Databases(database, prefix) as databases:
        bench = Bench(run, databases, redis_url=redis, prefix=prefix, repeats=repeats)
        try:
            with bench.running():
                for case, module in modules.items():
                    _measure(bench, case, module)
        finally:
            with redis_client.Redis.from_url(redis) as server:
                for key in server.scan_iter(f"{prefix}:*"):
                    server.delete(key)


def _measure(bench: Bench, case: str, module: str) -> None:
    began = time.monotonic()
    with bench.case():
        importlib.import_module(module).measure(bench)
    print(f"{case}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
