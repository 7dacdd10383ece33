"""
Where the time of a deed goes: `python -m benchmarks.profile ours revoke_user many=10 [--calls | --sql]`.

Runs in the environment that `make bench` makes.
"""

import argparse
import os
from typing import Any

from benchmarks.__main__ import DATABASE, REDIS
from benchmarks.bench import Bench
from benchmarks.databases import Databases
from benchmarks.results import Run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("site")
    parser.add_argument("deed")
    parser.add_argument("how", nargs="*", type=_argument, default=[], help="the deed's arguments, name=value")
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--calls", action="store_true", help="by function instead of as a tree")
    parser.add_argument("--sql", action="store_true", help="its statements instead")
    asked = parser.parse_args()
    prefix = f"bench_{os.getpid()}"
    with Databases(os.environ.get("DATABASE_URL") or DATABASE, prefix) as databases:
        redis = os.environ.get("REDIS_URL") or REDIS
        bench = Bench(Run({}, quick=True), databases, redis_url=redis, prefix=prefix, repeats=None)
        with bench.running():
            deed = bench.worker(asked.site).deed(asked.deed, **dict(asked.how))
            if asked.sql:
                print(*deed.worker.call("statements", deed.handle), sep="\n")
            else:
                print(deed.worker.call("calls" if asked.calls else "profile", deed.handle, asked.times))


def _argument(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, int(value) if value.isdigit() else value


if __name__ == "__main__":
    main()
