"""Running cases one after another."""

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping

import redis as redis_client

from benchmarks.bench import Bench
from benchmarks.databases import Databases
from benchmarks.load import RefusedError
from benchmarks.results import Run
from benchmarks.servers import NoServerError
from benchmarks.workers import WorkerFailedError

#: What ends one case, not the run.
FAILURES = (WorkerFailedError, NoServerError, RefusedError, subprocess.CalledProcessError)


def measured(
    run: Run, modules: Mapping[str, str], *, database: str, redis: str, repeats: int | None
) -> list[str]:
    """Measure cases by their modules into a run; databases and cache entries are gone afterwards.

    Returns:
        The cases that could not be measured to their end; the others' figures stand.
    """
    prefix, failed = f"bench_{os.getpid()}", []
    with Databases(database, prefix) as databases:
        bench = Bench(run, databases, redis_url=redis, prefix=prefix, repeats=repeats)
        try:
            with bench.running():
                for case, module in modules.items():
                    if not _is_measured(bench, case, module):
                        failed.append(case)
        finally:
            with redis_client.Redis.from_url(redis) as server:
                for key in server.scan_iter(f"{prefix}:*"):
                    server.delete(key)
    return failed


def _is_measured(bench: Bench, case: str, module: str) -> bool:
    began = time.monotonic()
    try:
        with bench.case():
            importlib.import_module(module).measure(bench)
    except FAILURES as failure:
        print(f"{case} failed: {failure}", file=sys.stderr, flush=True)
        return False
    print(f"{case}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return True
