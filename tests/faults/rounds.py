"""A round: one kind of site, its crowd, and a plan of faults; all is healed at its end, then judged."""

import heapq
import itertools
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import checker, site
from tests.faults.checker import Report
from tests.faults.facts import Decision, Failover, Injected, Log, Revocation, Token, now, read
from tests.faults.injector import Fault, Injector
from tests.faults.site import Kind
from tests.faults.world import World

#: Seconds between two faults of a lane.
_GAP = (0.5, 2.5)
#: Seconds that a crowd gets to show everything a last time.
_LAST = 60
#: Seconds that a site is left alone at first, so that there are sessions to revoke.
QUIET = 3

Doing = Callable[[Injector], Fault]


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in a round. Everything by chance in it comes from the seed."""

    kind: Kind
    seed: str
    #: Lane -> what it does, one after another.
    lanes: Mapping[str, Sequence[Doing]]
    #: Revocations in a second.
    pace: float = 2
    #: STALENESS_BOUND, seconds.
    bound: float = 1
    #: Whether news of orders travels by Redis; else PostgreSQL carries it.
    by_redis: bool = False
    #: What the site's processes are told beside the usual.
    told: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lanes = "; ".join(f"{lane}: {', '.join(map(named, doings))}" for lane, doings in self.lanes.items())
        return f"{self.kind}, news by {'Redis' if self.by_redis else 'PostgreSQL'}: {lanes}"


def named(doing: Doing) -> str:
    return getattr(doing, "__name__", "fault").replace("_", " ")


def played(world: World, plan: Plan, folder: Path) -> tuple[Report, list[Injected]]:
    """Play a round and return what its log proves, and which faults were at work when."""
    folder.mkdir()
    injected = Log(folder / "injected.jsonl")
    more = {"FAULTS_BOUND": str(plan.bound), "FAULTS_BY_REDIS": "1" if plan.by_redis else "", **plan.told}
    name = plan.kind.name.lower()
    with (
        site.started(plan.kind, folder, {**world.told(), **more}) as running,
        world.revoker(folder, plan.seed, plan.pace, more) as revoker,
        world.crowd(folder, name, running.port, plan.seed) as crowd,
    ):
        time.sleep(QUIET)
        # a lane's chances are its own: how long another one takes must not change what a seed means
        lanes = [
            _lane(doings, Injector(world, running, revoker, random.Random(f"{plan.seed}-{lane}")), injected)
            for lane, doings in plan.lanes.items()
        ]
        _work_off(lanes)
        revoker.tell("pause")
        time.sleep(2 * plan.bound)
        assert crowd.stdin is not None
        crowd.stdin.write("last\n")
        crowd.stdin.flush()
        crowd.wait(_LAST)
    faults = read(folder / "injected.jsonl", Injected)
    return judged(world, plan, folder, faults), faults


def judged(world: World, plan: Plan, folder: Path, faults: Sequence[Injected]) -> Report:
    """Return what the log of a round proves."""
    tokens = [fact for path in folder.glob("tokens-*.jsonl") for fact in read(path, Token)]
    decisions = [fact for path in folder.glob("decisions-*.jsonl") for fact in read(path, Decision)]
    revocations = [fact for path in folder.glob("revocations-*.jsonl") for fact in read(path, Revocation)]
    return checker.judge(
        tokens,
        decisions,
        revocations,
        bound=plan.bound,
        failovers=read(world.folder / "failovers.jsonl", Failover),
        disturbed=[(fault.started, fault.ended) for fault in faults],
    )


def _work_off(lanes: Iterable[Fault]) -> None:
    """Do every fault of every lane, in one thread: a server ends with the thread that started it."""
    ties = itertools.count()
    waiting = [(now(), next(ties), lane) for lane in lanes]
    while waiting:
        due, _, lane = heapq.heappop(waiting)
        time.sleep(max(0.0, due - now()))
        if (pause := next(lane, None)) is not None:
            heapq.heappush(waiting, (now() + pause, next(ties), lane))


def _lane(doings: Sequence[Doing], injector: Injector, injected: Log) -> Fault:
    for doing in doings:
        yield injector.chance.uniform(*_GAP)
        started = now()
        yield from doing(injector)
        injected.write(Injected(named(doing), started, now()))
