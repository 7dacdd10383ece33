"""
Break a site and its servers by chance, for minutes, and prove from the log that it kept its promises.

    python -m tests.faults --minutes 3 --seed 7

Each round is one kind of site (gunicorn sync, gthread with --preload, uvicorn) under constant load, with
faults that the seed chooses: databases killed, stopped, failed over; connections delayed, held and cut;
workers stopped, killed, starved; clocks moved; writers that die. The log and a summary stay in var/faults.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.faults import rounds, servers, world
from tests.faults.checker import Report
from tests.faults.facts import Injected
from tests.faults.injector import LANES
from tests.faults.rounds import Doing, Plan
from tests.faults.site import Kind
from tests.faults.world import World

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "var" / "faults"
#: Seconds that a round takes at most, its site's start included: none is begun in less.
ROUND = 60
#: Violations that are shown in full.
SHOWN = 10


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time")
    parser.add_argument("--bound", type=float, default=1, help="STALENESS_BOUND, seconds")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    try:
        servers.binaries()
        servers.redis_program()
    except servers.Absent as absent:
        print(f"NOT RUN: {absent}")
        return int(bool(os.environ.get("REQUIRE_POSTGRES")))
    signal.signal(signal.SIGTERM, _stop)
    print(f"seed {seed}: python -m tests.faults --minutes {asked.minutes:g} --seed {seed}", flush=True)

    until = time.monotonic() + asked.minutes * 60
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    summary = Summary(seed, asked.bound)
    with folder() as path, world.made(path) as made:
        for place, plan in enumerate(plans(seed, asked.bound)):
            if place >= len(Kind) and time.monotonic() + ROUND > until:
                break
            print(f"round {place + 1}, {plan}", flush=True)
            summary.add(plan, *_played(made, plan, path / f"round{place + 1}"))
    summary.write()
    print(summary.text())
    return int(bool(summary.violations))


def _stop(number: int, frame: object) -> None:
    sys.exit(128 + number)  # all that was started ends on the way out


def plans(seed: int, bound: float) -> Iterator[Plan]:
    """What each round does, without end: of three rounds every fault is in one at least."""
    chance = random.Random(seed)
    for cycle in itertools.count():
        kinds = chance.sample([*Kind], len(Kind))
        # in one of them PostgreSQL carries the news
        by_redis = chance.sample([True] * (len(kinds) - 1) + [False], len(kinds))
        dealt = {lane: iter(_dealt(chance, lane, by_redis)) for lane in LANES}
        for place, (kind, has_redis) in enumerate(zip(kinds, by_redis, strict=True)):
            lanes = {lane: next(hands) for lane, hands in dealt.items() if has_redis or lane != "redis"}
            yield Plan(kind, f"{seed}-{cycle}-{place}", lanes, bound=bound, by_redis=has_redis)


def _dealt(chance: random.Random, lane: str, by_redis: Sequence[bool]) -> list[list[Doing]]:
    """Every one in one hand, and two more by chance in each."""
    doings = [*LANES[lane]]
    hands = sum(by_redis) if lane == "redis" else len(by_redis)
    shuffled = chance.sample(doings, len(doings)) + chance.choices(doings, k=hands * 2)
    return [shuffled[place::hands] for place in range(hands)]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder in which the servers' own user may work."""
    path = Path(tempfile.mkdtemp(prefix="tokenauth-faults-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _played(made: World, plan: Plan, folder: Path) -> tuple[Report, list[Injected]]:
    try:
        report, faults = rounds.played(made, plan, folder)
    finally:
        # the log of a round that breaks off says why
        if folder.exists():
            shutil.copytree(folder, RESULTS / folder.name, ignore=shutil.ignore_patterns("secret-key"))
    if not report.violations:
        for path in (RESULTS / folder.name).glob("*.jsonl"):
            path.unlink()
    return report, faults


class Summary:
    """The figures of all rounds."""

    def __init__(self, seed: int, bound: float) -> None:
        self._seed, self._bound = seed, bound
        self._reports: list[tuple[Plan, Report]] = []
        self._faults: Counter[str] = Counter()

    @property
    def violations(self) -> list[str]:
        return [str(each) for _, report in self._reports for each in report.violations]

    def add(self, plan: Plan, report: Report, faults: Sequence[Injected]) -> None:
        self._reports.append((plan, report))
        self._faults.update(fault.kind for fault in faults)

    def write(self) -> None:
        rows = [{"site": plan.kind, "seed": plan.seed, **report.figures()} for plan, report in self._reports]
        whole = {
            "seed": self._seed,
            "bound": self._bound,
            **self._figures(),
            "faults": dict(self._faults),
            "rounds": rows,
        }
        (RESULTS / "summary.json").write_text(json.dumps(whole, indent=1))

    def text(self) -> str:
        lines = [f"{name}: {_shown(value)}" for name, value in self._figures().items()]
        lines += [f"faults: {_shown(dict(self._faults))}"]
        lines += [f"VIOLATION {each}" for each in self.violations[:SHOWN]]
        lines += [f"{len(self.violations)} violations" + (f", logs in {RESULTS}" if self.violations else "")]
        return "\n".join(lines)

    def _figures(self) -> dict[str, Any]:
        reports = [report for _, report in self._reports]
        return {
            "rounds": dict(Counter(str(plan.kind) for plan, _ in self._reports)),
            "revocations": sum((report.revocations for report in reports), Counter()),
            "written": sum((report.ways for report in reports), Counter()),
            "decisions": sum((report.decisions for report in reports), Counter()),
            "worst acceptance after commit, ms": round(max(report.worst_begun for report in reports)),
            "the same to its end, ms": round(max(report.worst_ended for report in reports)),
            "revocations seen refused, summed over workers": sum(report.seen_refused for report in reports),
        }


def _shown(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    counted = ", ".join(f"{name} {count}" for name, count in sorted(value.items()))
    return f"{sum(value.values())} ({counted})"


if __name__ == "__main__":
    sys.exit(main())
