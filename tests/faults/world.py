"""What one run stands on: servers, the proxy before them, people, and whoever revokes."""

import contextlib
import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import site
from tests.faults.facts import Failover, Log
from tests.faults.processes import running
from tests.faults.proxy import Proxy
from tests.faults.servers import Postgres, Redis

#: Seconds that the revoker may take for a command.
PATIENCE = 60


@dataclass
class Revoker:
    """The process that revokes; each command is answered before the next."""

    _process: "subprocess.Popen[str]"

    def tell(self, *command: object) -> list[str]:
        """Give a command of `tests.faults.revoker` and wait until it is done."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, command)) + "\n")
        self._process.stdin.flush()
        heard, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        line = self._process.stdout.readline() if heard else ""
        if not line:
            raise RuntimeError(f"the revoker does not answer to {command[0]}: its log may say why")
        answer = json.loads(line)
        return answer if isinstance(answer, list) else []


@dataclass
class World:
    """Everything that faults are done to. `primary` changes with a failover."""

    folder: Path
    primary: Postgres
    redis: Redis
    proxy: Proxy
    clusters: list[Postgres] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clusters.append(self.primary)
        self.failovers = Log(self.folder / "failovers.jsonl")

    def follow(self, new: Postgres, failover: Failover) -> None:
        """Note that another server is the primary now."""
        self.primary = new
        self.failovers.write(failover)

    def end(self) -> None:
        """Kill every server that ever was the primary, or was to be."""
        for cluster in self.clusters:
            cluster.kill()

    def told(self) -> Mapping[str, str]:
        """The environment of the site's processes: all their ways lead through the proxy."""
        ports = self.proxy.ports
        return site.environment(self.folder, ports["database"], ports["redis"])

    def told_apart(self) -> Mapping[str, str]:
        """The environment of who works on the same site from elsewhere: no fault is on his way."""
        return site.environment(self.folder, self.proxy.ports["revoker"], self.redis.port)

    @contextlib.contextmanager
    def revoker(self, folder: Path, seed: str, pace: float, more: Mapping[str, str]) -> Iterator[Revoker]:
        """Whoever revokes, for the length of a `with`; `more` is told to the site too."""
        command = [sys.executable, "-m", "tests.faults.revoker", str(folder), seed, str(pace)]
        with running(
            command, {**self.told_apart(), **more}, folder / "revoker.log", is_spoken_to=True
        ) as process:
            yield Revoker(process)

    @contextlib.contextmanager
    def crowd(self, folder: Path, name: str, port: int, seed: str) -> Iterator["subprocess.Popen[str]"]:
        """The callers of a site; a line on their standard input has them show everything a last time."""
        command = [sys.executable, "-m", "tests.faults.load", str(folder), name, str(port), seed]
        with running(command, self.told(), folder / "load.log", is_spoken_to=True) as process:
            yield process


@contextlib.contextmanager
def made(folder: Path) -> Iterator[World]:
    """The world of a run, people in it; nothing of it is left behind."""
    with contextlib.ExitStack() as stack:
        primary = Postgres.made(folder / "first")
        stack.callback(primary.kill)
        redis = Redis(folder / "redis")
        stack.callback(redis.kill)
        ports = {"database": primary.port, "revoker": primary.port, "replication": primary.port}
        proxy = stack.enter_context(Proxy(**ports, redis=redis.port))
        world = World(folder, primary, redis, proxy)
        stack.callback(world.end)
        primary.query("CREATE DATABASE faults")
        made = [sys.executable, "-m", "tests.faults.people"]
        subprocess.run(made, env=dict(world.told_apart()), check=True)
        yield world
