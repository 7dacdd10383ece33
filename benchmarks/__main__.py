"""
This app beside its peers: `python -m benchmarks [case ...] [--quick] [--repeats N] [--dirty]`.

The exit status is 1 where a budget is missed by more than its spread, or a case failed.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from benchmarks import environment

#: In the order in which they run.
CASES = (
    "authenticate",
    "refresh",
    "login",
    "introspect",
    "sessions",
    "revoke",
    "purge",
    "throughput",
    "growth",
    "mirror",
    "propagation",
)
#: Programs of their own, by the module that measures with them.
_BY_PROGRAMS = {"mirror": "benchmarks.programs.mirror", "propagation": "benchmarks.programs.propagation"}
DATABASE = "postgres://postgres@127.0.0.1:5432/postgres"
REDIS = "redis://127.0.0.1:6379/9"


def main() -> int:
    asked = _arguments()
    if not environment.is_here():
        environment.enter(sys.argv[1:])

    # so that databases and servers go with a run that is ended
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from benchmarks import budgets, machine, plot, report, results  # noqa: PLC0415 - need what was installed
    from benchmarks.run import measured  # noqa: PLC0415

    dirty = machine.is_dirty()
    if dirty and not asked.dirty:
        print("There are changes that are not committed, and a result names a commit.", file=sys.stderr)
        return 2
    database, redis = os.environ.get("DATABASE_URL") or DATABASE, os.environ.get("REDIS_URL") or REDIS
    run = results.Run(machine.described(database, redis, dirty=dirty), asked.quick)
    if machine.is_busy():
        print("Others use this machine: the ratios will scatter.", file=sys.stderr)
    modules = {case: module_of(case) for case in CASES if case in (asked.cases or CASES)}
    failed = measured(run, modules, database=database, redis=redis, repeats=asked.repeats)
    print(report.terminal(run))
    path = asked.output / f"{time.strftime('%Y-%m-%d-%H%M')}-{machine.commit()}.json"
    results.save(run, path)
    plot.save(run, path.with_suffix(".svg"))
    print(f"\n{path}\n{path.with_suffix('.svg')}")
    wrong = report.misses(run)
    for each in wrong:
        print(f"{each.verdict.upper()}: {each.budget}", file=sys.stderr)
    met = sum(each.verdict is budgets.Verdict.MET for each in budgets.judged(run))
    print(f"{met} budgets met, {len(wrong)} missed")
    if failed:
        print(f"Not measured to the end: {', '.join(failed)}", file=sys.stderr)
    return int(bool(wrong or failed))


def module_of(case: str) -> str:
    """Return the name of the module whose `measure` is a case."""
    return _BY_PROGRAMS.get(case, f"benchmarks.{case}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], metavar="case", help=", ".join(CASES))
    parser.add_argument(
        "--quick", action="store_true", help="within five minutes: fewer repeats, smaller tables"
    )
    parser.add_argument("--repeats", type=int, help="rounds of each measurement")
    parser.add_argument(
        "--dirty", action="store_true", help="measure what is not committed; the result says so"
    )
    parser.add_argument("--output", type=Path, default=environment.ROOT / "var" / "bench", help="folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
