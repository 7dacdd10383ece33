"""
From the commit of a revocation to its being in force in each of four processes: by Redis, by NOTIFY and by
the polls alone, idle and beside CPU-bound work, and a bare loop over the same transport in the same run.

    DATABASE_URL=postgres://... REDIS_URL=redis://127.0.0.1:6379/8 python -m benchmarks.propagation [ROUNDS]

The database must be empty; it is migrated and left with the orders. Of Redis only tokenauth's keys and one
list of the bare loop are touched.
"""

import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

import django
import psycopg
from redis import Redis

PROCESSES = 4
WAYS = ("redis", "notify", "poll")
BARE = "benchmark:bare"
#: Seconds between two revocations, on average; and how long the last may take.
SPACING, PATIENCE = 0.05, 5.0


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    _set_up("poll")
    from django.core.management import call_command  # noqa: PLC0415 - the apps have to be ready

    from tokenauth.revocation.process import MIRROR  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    MIRROR.stale()
    print(
        f"{PROCESSES} processes, {rounds} revocations, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':24}{'p50 ms':>9}{'p99 ms':>9}{'bare p50':>10}{'bare p99':>10}{'p99 ratio':>11}")
    for busy in (False, True):
        for way in WAYS:
            ours = _measured(way, busy, rounds)
            bare = _measured(f"bare-{way}", busy, rounds) if way != "poll" else []
            _show(f"{way}, {'beside work' if busy else 'idle'}", ours, bare)


def _show(name: str, ours: Sequence[float], bare: Sequence[float]) -> None:
    line = f"{name:24}{_at(ours, 50):9.2f}{_at(ours, 99):9.2f}"
    if bare:
        line += f"{_at(bare, 50):10.2f}{_at(bare, 99):10.2f}{_at(ours, 99) / _at(bare, 99):11.2f}"
    print(line, flush=True)


def _at(taken: Sequence[float], percent: int) -> float:
    return statistics.quantiles(taken, n=100, method="inclusive")[percent - 1]


def _measured(way: str, busy: bool, rounds: int) -> list[float]:
    """Milliseconds of every revocation in every process."""
    with _workers(way, busy) as workers:
        sent = dict(_sent(way, rounds))
        time.sleep(PATIENCE if way == "poll" else 1)
        for worker in workers:
            worker.stdin.write("end\n")
            worker.stdin.flush()
        taken = []
        for worker in workers:
            seen = dict(line.split() for line in worker.stdout)
            missing = sent.keys() - seen.keys()
            assert not missing, f"{way}: {len(missing)} never arrived"  # noqa: S101
            taken += [(int(seen[key]) - at) / 1e6 for key, at in sent.items()]
    return taken


def _sent(way: str, rounds: int) -> Iterator[tuple[str, int]]:
    """Revoke, or send the bare message; the moment of each commit, on a clock that all processes share."""
    send = _bare_sender(way) if way.startswith("bare") else _reviser(way)
    for n in range(rounds):
        time.sleep(random.uniform(0, 2 * SPACING))  # noqa: S311 - no secret
        key = f"{way}-{time.monotonic_ns()}-{n}"
        yield key, send(key)


def _reviser(way: str) -> Callable[[str], int]:
    from django.conf import settings  # noqa: PLC0415
    from django.core.signals import setting_changed  # noqa: PLC0415
    from django.db import connection, transaction  # noqa: PLC0415

    from tokenauth.flows import revoke  # noqa: PLC0415
    from tokenauth.revocation.subjects import OfUser  # noqa: PLC0415

    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = way == "poll"
    settings.TOKENAUTH = _named(settings.TOKENAUTH, way)
    setting_changed.send(None, setting="TOKENAUTH", value=None, enter=True)

    def send(key: str) -> int:
        committed: list[int] = []
        with transaction.atomic():
            transaction.on_commit(lambda: committed.append(time.monotonic_ns()))
            revoke(OfUser(key))
        return committed[0]

    return send


def _bare_sender(way: str) -> Callable[[str], int]:
    if way == "bare-redis":
        client = Redis.from_url(os.environ["REDIS_URL"])
        client.delete(BARE)

        def by_redis(key: str) -> int:
            at = time.monotonic_ns()
            client.xadd(BARE, {"k": key}, maxlen=1000)
            return at

        return by_redis
    connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

    def by_notify(key: str) -> int:
        at = time.monotonic_ns()
        connection.execute("SELECT pg_notify('bare', %s)", [key])
        return at

    return by_notify


@contextmanager
def _workers(way: str, busy: bool) -> Iterator[list[Any]]:
    command = [sys.executable, "-m", "benchmarks.propagation", "worker", way, str(int(busy))]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [
        subprocess.Popen(command, **pipes)  # noqa: S603 - ourselves
        for _ in range(PROCESSES)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None  # noqa: S101 - for the type checker
            assert worker.stdout.readline() == "ready\n", "a worker did not start"  # noqa: S101
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _work(way: str, busy: bool) -> None:
    """One of the processes: it notes when each order is in force, and tells at the end."""
    seen: dict[str, int] = {}
    start = _listen_bare if way.startswith("bare") else _follow
    start(way, seen)
    if busy:
        threading.Thread(target=_burn, daemon=True).start()
    time.sleep(1)
    print("ready", flush=True)
    sys.stdin.readline()
    for key, at in seen.items():
        print(key, at)
    sys.stdout.flush()
    os._exit(0)


def _burn() -> None:
    while True:
        sum(range(10_000))


def _follow(way: str, seen: dict[str, int]) -> None:
    _set_up(way)
    from tokenauth.revocation.process import MIRROR  # noqa: PLC0415

    MIRROR.subscribe(lambda orders: [seen.setdefault(o.key, time.monotonic_ns()) for o in orders] and None)
    MIRROR.stale()
    # what serves requests asks at each of them
    threading.Thread(
        target=lambda: [(MIRROR.stale(), time.sleep(1)) for _ in iter(int, 1)], daemon=True
    ).start()


def _listen_bare(way: str, seen: dict[str, int]) -> None:
    def redis() -> None:
        client: Any = Redis.from_url(os.environ["REDIS_URL"])
        last: Any = "0"  # "$" would miss what comes between two questions
        while True:
            for _, entries in client.xread({BARE: last}, block=150):
                for id_, fields in entries:
                    last, seen[fields[b"k"].decode()] = id_, time.monotonic_ns()

    def notify() -> None:
        connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        connection.execute("LISTEN bare")
        for heard in connection.notifies():
            seen[heard.payload] = time.monotonic_ns()

    threading.Thread(target=redis if way == "bare-redis" else notify, daemon=True).start()


def _named(settings: dict[str, Any], way: str) -> dict[str, Any]:
    return {**settings, "REDIS_ALIAS": "default" if way == "redis" else None}


def _set_up(way: str) -> None:
    from django.conf import settings  # noqa: PLC0415

    if way == "poll":
        # what tells of a pooler keeps everybody from listening
        settings.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
    settings.TOKENAUTH = _named(settings.TOKENAUTH, way)
    django.setup()


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        _work(sys.argv[2], sys.argv[3] == "1")
    else:
        main()
