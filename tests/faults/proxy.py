"""A TCP proxy between a site and its servers that delays, holds back, cuts and refuses."""

import asyncio
import contextlib
import json
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from project.processes import end_with_parent
from tests.faults.processes import spare_port

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)


@dataclass
class _Route:
    """One listening port and where it leads; runs inside the proxy's process."""

    port: int
    target: int
    delay: float = 0
    is_refused: bool = False
    passes: asyncio.Event = field(default_factory=asyncio.Event)
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def listen(self) -> None:
        self.passes.set()
        await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def change(self, mode: str, value: float) -> None:
        self.delay, self.is_refused = 0, False
        if mode != "silent":
            self.passes.set()
        match mode:
            case "silent":
                self.passes.clear()
            case "delay":
                self.delay = value
            case "refuse":
                self.is_refused = True
                self._cut()
            case "cut":
                self._cut()
            case "target":
                self.target = int(value)
                self._cut()

    def _cut(self) -> None:
        for writer in self.open:
            if (bare := writer.get_extra_info("socket")) is not None:
                bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            if self.is_refused:
                return
            await self.passes.wait()
            onward, back = await asyncio.open_connection("127.0.0.1", self.target)
            self.open.add(back)
            try:
                both = {
                    asyncio.create_task(self._pump(reader, back)),
                    asyncio.create_task(self._pump(onward, writer)),
                }
                _, pending = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()
            finally:
                self.open.discard(back)
                back.close()
        except OSError:
            pass  # nobody listens behind us just now: the client is closed as well
        finally:
            self.open.discard(writer)
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self.passes.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(chunk)
                await writer.drain()


class Proxy:
    """The proxy's process, its routes by name: leaving the `with` ends it."""

    def __init__(self, **targets: int) -> None:
        self.ports = {name: spare_port() for name in targets}
        self._targets = targets

    def __enter__(self) -> Self:
        routes = {name: (self.ports[name], target) for name, target in self._targets.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.proxy", json.dumps(routes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        self._answered()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def change(self, route: str, mode: str, value: float = 0) -> None:
        """Let a route `pass`, `delay` (seconds), be `silent`, `cut`, `refuse`, or lead to a new `target`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([route, mode, value]) + "\n")
        self._process.stdin.flush()
        self._answered()

    def _answered(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "done\n":
            raise RuntimeError("the proxy has ended")


async def _run(asked: dict[str, Any]) -> None:
    routes = {name: _Route(*ports) for name, ports in asked.items()}
    for route in routes.values():
        await route.listen()
    print("done", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, mode, value = json.loads(line)
        routes[name].change(mode, value)
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(_run(json.loads(sys.argv[1])))
