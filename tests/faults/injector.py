"""What is done to a site and its servers: each fault a generator that does, waits, and undoes."""

import contextlib
import random
import signal
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from redis import Redis, RedisError

from tests.faults.facts import Failover, now
from tests.faults.servers import Postgres
from tests.faults.site import Kind, Site
from tests.faults.world import Revoker, World

#: A fault at work: yields the seconds until it wants to go on; at its end nothing of it is left.
Fault = Iterator[float]

#: Where the site's orders lie in Redis (PROTOCOL 3).
STREAM = "tokenauth:{plane:default}:orders"
#: Seconds that a machine sleeps without the monotonic clock's notice.
SLEEP = 600


@dataclass
class Injector:
    """Does the faults of one round."""

    world: World
    site: Site
    revoker: Revoker
    chance: random.Random

    def _some(self, least: float, most: float) -> float:
        return self.chance.uniform(least, most)

    # the database

    def postgres_killed(self) -> Fault:
        self.world.primary.kill()
        yield self._some(0.5, 3)
        self.world.primary.start()

    def postgres_stopped(self) -> Fault:
        self.world.primary.stop()
        try:
            yield self._some(0.5, 4)
        finally:
            self.world.primary.go_on()

    def failover(self) -> Fault:
        """A replica that lags takes over: the newest commits are lost, the revoker knows which."""
        return self.failed_over(self._some(1.5, 3))

    def failed_over(self, seconds: float, *, lost: Callable[[], object] = lambda: None) -> Fault:
        """The same with a lag of so many seconds; what `lost` does is not on the replica."""
        world, proxy = self.world, self.world.proxy
        replica = Postgres.following(
            proxy.ports["replication"], world.folder / f"replica{len(world.clusters)}"
        )
        world.clusters.append(replica)
        yield 1
        since = now()
        proxy.change("replication", "refuse")
        lost()
        yield seconds
        self.revoker.tell("pause")
        world.primary.kill()
        yield 0.1
        replica.promote()
        for route in ("database", "revoker", "replication"):
            proxy.change(route, "target", replica.port)
        missing = tuple(self.revoker.tell("missing"))
        world.follow(replica, Failover(since, now(), missing))
        self.revoker.tell("resume")

    def machine_suspended(self) -> Fault:
        """The site's machine sleeps; afterwards its monotonic clock has not noticed (F22)."""
        return self.asleep(self._some(1.5, 4))

    def asleep(self, seconds: float, *, revoked: Callable[[], object] = lambda: None) -> Fault:
        """Stop the site for so long, its way to the database for a second more; revoke meanwhile."""
        workers = self.site.workers()
        self.site.signal(workers, signal.SIGSTOP)
        self.world.proxy.change("database", "silent")
        try:
            revoked()
            yield seconds
        finally:
            self.site.offsets.move(monotonic=-seconds)
            self.site.signal(workers, signal.SIGCONT)
        try:
            yield 1
        finally:
            self.world.proxy.change("database", "pass")

    # the way to it

    def connection_delayed(self) -> Fault:
        return self.on_the_way("database", "delay", self._some(0.02, 0.6))

    def connection_silent(self) -> Fault:
        return self.on_the_way("database", "silent")

    def connection_refused(self) -> Fault:
        return self.on_the_way("database", "refuse")

    def connection_cut(self) -> Fault:
        for _ in range(self.chance.randint(1, 8)):
            self.world.proxy.change("database", "cut")
            yield self._some(0.05, 0.5)

    def on_the_way(self, route: str, mode: str, value: float = 0, *, seconds: float | None = None) -> Fault:
        """Let the proxy do something to a route for a while."""
        self.world.proxy.change(route, mode, value)
        try:
            yield self._some(0.5, 4) if seconds is None else seconds
        finally:
            self.world.proxy.change(route, "pass")

    # the stream that shortens the wait

    def redis_restarted(self) -> Fault:
        """Killed, away for a while, and back with nothing in it."""
        self.world.redis.kill()
        yield self._some(0.5, 3)
        self.world.redis.start()

    def redis_stopped(self) -> Fault:
        self.world.redis.stop()
        try:
            yield self._some(0.5, 4)
        finally:
            self.world.redis.go_on()

    def redis_silent(self) -> Fault:
        return self.on_the_way("redis", "silent")

    def redis_delayed(self) -> Fault:
        return self.on_the_way("redis", "delay", self._some(0.01, 0.4))

    def redis_cut(self) -> Fault:
        for _ in range(self.chance.randint(1, 8)):
            self.world.proxy.change("redis", "cut")
            yield self._some(0.05, 0.5)

    def redis_flushed(self) -> Fault:
        return self._tampered(lambda client: client.flushall())

    def entries_removed(self) -> Fault:
        """Every other entry, the newest above all."""
        return self._tampered(lambda client: [client.xdel(STREAM, id_) for id_, _ in _newest(client)[::2]])

    def entries_trimmed(self) -> Fault:
        return self._tampered(_trim)

    def trimmed_once(self) -> Fault:
        return self._tampered(_trim, times=1)

    def entries_forged(self) -> Fault:
        """Numbers that nobody gave, each with the message of another order, or with none of ours."""

        def forge(client: Redis) -> None:
            newest = _newest(client)
            after = int(newest[0][0].partition(b"-")[0]) if newest else 0
            messages: list[Any] = [fields for _, fields in newest] or [{b"v": b"1", b"m": b"forged"}]
            for number in range(after + 1, after + 4):
                client.xadd(STREAM, self.chance.choice(messages), id=f"{number}-0")

        return self._tampered(forge)

    def _tampered(self, tamper: Callable[[Redis], object], *, times: int | None = None) -> Fault:
        with contextlib.closing(Redis(port=self.world.redis.port, socket_timeout=1)) as client:
            for _ in range(times or self.chance.randint(3, 20)):
                with contextlib.suppress(RedisError):
                    tamper(client)
                yield self._some(0.02, 0.4)

    # the processes of the site

    def worker_stopped(self) -> Fault:
        workers = self.site.workers()
        stopped = self.chance.sample(workers, self.chance.randint(1, len(workers)))
        self.site.signal(stopped, signal.SIGSTOP)
        try:
            yield self._some(1, 5)
        finally:
            self.site.signal(stopped, signal.SIGCONT)

    def worker_killed(self) -> Fault:
        """Gunicorn forks another one from a process that may have had its mirror already."""
        if self.site.kind is not Kind.UVICORN:
            self.site.signal([self.chance.choice(self.site.workers())], signal.SIGKILL)
        yield 1

    def interpreter_held(self) -> Fault:
        """Threads that let nobody else at the interpreter, in most of the workers."""
        seconds = self._some(1, 4)
        for _ in range(6):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(
                    f"http://127.0.0.1:{self.site.port}/faults/burn/?seconds={seconds}", timeout=1
                ).close()
        yield seconds

    # their clocks

    def boot_clock_jumped(self) -> Fault:
        """Ten minutes have passed, as the clock says that counts sleep; no other says so."""
        self.site.offsets.move(boot=SLEEP)
        yield 1

    def clocks_skewed(self) -> Fault:
        """Half of the workers live in the future, the others in the past."""
        self.site.offsets.move(wall=4)
        try:
            yield self._some(2, 5)
        finally:
            self.site.offsets.move(wall=-4)

    # writers

    def commit_late(self) -> Fault:
        """An order lies uncommitted while later ones are numbered."""
        seconds = self._some(1, 4)
        self.revoker.tell("late", seconds)
        yield seconds

    def writer_killed(self) -> Fault:
        return self._again_and_again("killed")

    def hook_raised(self) -> Fault:
        return self._again_and_again("raising")

    def revocation_taken_back(self) -> Fault:
        return self._again_and_again("rolled-back")

    def _again_and_again(self, command: str) -> Fault:
        for _ in range(self.chance.randint(2, 4)):
            self.revoker.tell(command)
            yield self._some(0.1, 0.8)

    def transaction_elsewhere(self) -> Fault:
        """A batch job in another database of the server holds its snapshot."""
        with contextlib.suppress(psycopg.Error), self.world.primary.connect("postgres") as other:
            other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            other.execute("SELECT txid_current()")
            yield self._some(2, 6)


def _trim(client: Redis) -> None:
    client.xtrim(STREAM, maxlen=1, approximate=False)


def _newest(client: Redis) -> list[tuple[bytes, dict[bytes, bytes]]]:
    found: Any = client.xrevrange(STREAM, count=20)
    return list(found)


#: Faults that never meet: of one lane one is at work at a time.
LANES: dict[str, tuple[Callable[[Injector], Fault], ...]] = {
    "database": (
        Injector.postgres_killed,
        Injector.postgres_stopped,
        Injector.connection_delayed,
        Injector.connection_silent,
        Injector.connection_refused,
        Injector.connection_cut,
        Injector.machine_suspended,
        Injector.failover,
    ),
    "redis": (
        Injector.redis_restarted,
        Injector.redis_stopped,
        Injector.redis_silent,
        Injector.redis_delayed,
        Injector.redis_cut,
        Injector.redis_flushed,
        Injector.entries_removed,
        Injector.entries_trimmed,
        Injector.entries_forged,
    ),
    "process": (
        Injector.worker_stopped,
        Injector.worker_killed,
        Injector.interpreter_held,
        Injector.boot_clock_jumped,
        Injector.clocks_skewed,
    ),
    "writer": (
        Injector.commit_late,
        Injector.writer_killed,
        Injector.hook_raised,
        Injector.revocation_taken_back,
        Injector.transaction_elsewhere,
    ),
}
