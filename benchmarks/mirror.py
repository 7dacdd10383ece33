"""
What the live orders cost a process: memory, time to take them in, time to ask, longest pause.

    python -m benchmarks.mirror
    DATABASE_URL=postgres://postgres@127.0.0.1:5432/mirror_bench python -m benchmarks.mirror --database

Each size is measured in a process of its own. With --database the orders are written to the table of a
migrated, otherwise unused database first, and the mirror loads them from there.
"""

import argparse
import gc
import multiprocessing
import os
import random
import sys
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

SIZES = (1_000, 100_000, 1_000_000)
ASKED = 20_000
PAGE = 5_000
MIB = 2**20


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--database", action="store_true", help="load them from DATABASE_URL's table")
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    print(f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}; MiB, seconds, ns, ms")
    print("   orders  counted   traced      RSS    load     CPU   sweep   miss    hit  judge", end="")
    print("   pause   sweep    bare")
    for size in asked.sizes:
        # a process of its own: what another size left in the heap is none of this one's
        with multiprocessing.get_context("spawn").Pool(1) as process:
            print(process.apply(measured, (size, asked.database)), flush=True)
    return 0


@dataclass(frozen=True)
class Row:
    orders: int
    memory: tuple[float, float, float]
    load: tuple[float, float, float]
    asked: tuple[float, float, float]
    pauses: tuple[float, float, float]

    def __str__(self) -> str:
        return (
            f"{self.orders:>9,}"
            + "".join(f"{value:>9.1f}" for value in self.memory)
            + "".join(f"{value:>8.2f}" for value in self.load)
            + "".join(f"{value:>7.0f}" for value in self.asked)
            + "".join(f"{value:>8.1f}" for value in self.pauses)
        )


def measured(size: int, from_database: bool) -> Row:
    django.setup()
    from tokenauth.revocation.mirror import Floors, Kind  # noqa: PLC0415 - settings are ready only now

    if from_database:
        _fill(size)
    loaded: Callable[[], Floors] = (lambda: _from_database()) if from_database else (lambda: _built(size))
    before = _rss()
    with _watched() as pause:
        began, cpu_began = time.perf_counter(), time.thread_time()
        floors = loaded()
        took, cpu = time.perf_counter() - began, time.thread_time() - cpu_began
    gc.collect()
    rss = _rss() - before
    with _watched() as bare_pause:
        _spin(took)
    chance = random.Random(1)  # noqa: S311 - which keys are asked for, the same each time
    present = [_key(chance.randrange(size)) for _ in range(ASKED)]
    absent = [_key(size + n) for n in range(ASKED)]
    hit = _each(lambda: [floors.floor(Kind.USER, key) for key in present])
    miss = _each(lambda: [floors.floor(Kind.USER, key) for key in absent])
    tokens = [_claims(key) for key in absent]
    judge = _each(lambda: [floors.why_refused(claims) for claims in tokens])
    counted = floors.memory() / MIB
    with _watched() as sweep_pause:
        began = time.perf_counter()
        floors.drop_expired(time.time() + 1e6)
        sweep = time.perf_counter() - began
    return Row(
        size,
        memory=(counted, _traced(loaded), rss),
        load=(took, cpu, sweep),
        asked=(miss, hit, judge),
        pauses=(max(pause), max(sweep_pause), max(bare_pause)),
    )


def _spin(seconds: float) -> None:
    """Do nothing but run, as long as the load took: the pauses of a machine that others use too."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def _key(number: int) -> str:
    return str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))


def _built(size: int) -> Any:
    from tokenauth.revocation.mirror import Floors, Kind, Order  # noqa: PLC0415

    floors, end = Floors(), time.time() + 400
    for first in range(0, size, PAGE):
        floors.apply(Order(n, n, Kind.USER, _key(n), 1, end) for n in range(first, min(first + PAGE, size)))
    return floors


def _from_database() -> Any:
    from tokenauth.revocation.process import MIRROR  # noqa: PLC0415

    MIRROR.forget()
    assert MIRROR.stale() is None  # noqa: S101
    return MIRROR.floors()


def _fill(size: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from tokenauth.models import Plane, RevocationOrder  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    RevocationOrder.objects.all().delete()
    Plane.objects.ensure()
    now = timezone.now()
    for first in range(0, size, PAGE):
        RevocationOrder.objects.bulk_create(
            RevocationOrder(
                number=n + 1, kind=5, key=_key(n), floor=1, until=now + timedelta(seconds=400), at=now
            )
            for n in range(first, min(first + PAGE, size))
        )
    Plane.objects.update(n=size)


def _claims(key: str) -> Any:
    from tokenauth.tokens.claims import AccessClaims, Epochs  # noqa: PLC0415

    return AccessClaims(
        iss="https://a.example",
        sub=key,
        aud=("https://a.example",),
        client_id="web",
        iat=1,
        exp=2,
        jti=key[:22],
        session=key,
        device=key,
        gen=1,
        br=0,
        ep=Epochs(1, 1, 1, 1),
        scope="",
        auth_time=1,
        kid="kid",
    )


def _traced(load: Callable[[], object]) -> float:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    held = load()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del held
    return (after - before) / MIB


def _rss() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def _each(ask_all: Callable[[], Iterable[object]]) -> float:
    best = float("inf")
    for _ in range(15):
        began = time.perf_counter()
        ask_all()
        best = min(best, time.perf_counter() - began)
    return best / ASKED * 1e9


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The gaps, in ms, in which another thread that wants to run every millisecond could not."""
    gaps, done = [0.0], threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not done.wait(0.001):
            now = time.perf_counter()
            gaps.append((now - last) * 1000)
            last = now

    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        yield gaps
    finally:
        done.set()
        ticker.join()


if __name__ == "__main__":
    sys.exit(main())
