"""
A process of one site that makes deeds and does them when told: `python -m benchmarks.sites.worker ours 7`.

The number is that of an open file, over which it is told by pickled pairs of method and arguments.
"""

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import django
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from benchmarks import pairing


class Worker:
    """What the harness may ask of a site."""

    def __init__(self, deeds: Any) -> None:
        self._deeds = deeds
        self._made: dict[str, Any] = {}

    def migrate(self) -> None:
        """Make the site's tables."""
        from django.core.management import call_command  # noqa: PLC0415 - needs the site's settings

        call_command("migrate", verbosity=0)

    def make(self, handle: str, name: str, how: dict[str, Any]) -> None:
        """Make a deed, to be named by its handle from now on."""
        self._made[handle] = self._deeds.made(name, **how)

    def forget(self, handle: str) -> None:
        """Let go of a deed."""
        self._made.pop(handle, None)

    def times_for(self, handle: str, seconds: float) -> int:
        """How often it can be done in so many seconds."""
        deed = self._made[handle]
        if hasattr(deed, "ready"):
            deed.ready()
            return max(1, int(seconds / pairing.seconds_of(deed)))
        return pairing.times_for(deed, seconds)

    def seconds_each(self, handle: str, times: int) -> float:
        """The seconds that it takes, on average."""
        deed = self._made[handle]
        if not hasattr(deed, "ready"):
            return pairing.seconds_each(deed, times)
        taken = 0.0
        for _ in range(times):
            deed.ready()
            taken += pairing.seconds_of(deed)
        return taken / times

    def processor_seconds_each(self, handle: str, times: int) -> float:
        """The same in the processor's time of this thread, for what waits for nothing."""
        return pairing.seconds_each(self._made[handle], times, time.thread_time)

    def do(self, handle: str) -> object:
        """Do it once; what it returns is told."""
        deed = self._made[handle]
        if hasattr(deed, "ready"):
            deed.ready()
        return deed()

    def ready(self, handle: str) -> None:
        """Make anew what a deed uses up."""
        self._made[handle].ready()

    def do_ready(self, handle: str) -> object:
        """Do once what was made ready."""
        return self._made[handle]()

    def seconds_in_threads(self, handles: list[str], times: int) -> float:
        """Do deeds at once, each so many times in a thread of its own; the seconds until all are done."""
        together = threading.Barrier(len(handles) + 1)
        failures: list[BaseException] = []

        def work(deed: Callable[[], object]) -> None:
            try:
                deed()  # opens this thread's connection
                together.wait()
                for _ in range(times):
                    deed()
            except BaseException as failure:
                failures.append(failure)
                together.abort()
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=(self._made[handle],)) for handle in handles]
        for thread in threads:
            thread.start()
        together.wait()
        started = time.perf_counter()
        for thread in threads:
            thread.join()
        taken = time.perf_counter() - started
        if failures:
            raise failures[0]
        return taken

    def statements(self, handle: str) -> list[str]:
        """Do it once more; the SQL that it sends from this thread."""
        deed = self._made[handle]
        if hasattr(deed, "ready"):
            deed.ready()
        deed()
        if hasattr(deed, "ready"):
            deed.ready()
        with CaptureQueriesContext(connection) as sent:
            deed()
        return [each["sql"] for each in sent.captured_queries]

    def wal(self, handle: str, times: int) -> float:
        """The bytes of write-ahead log a deed costs on average, all that happens on the server included."""
        deed, taken = self._made[handle], 0
        for _ in range(times):
            if hasattr(deed, "ready"):
                deed.ready()
            before = self._lsn()
            deed()
            taken += self._lsn() - before
        return taken / times

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What the site's database answers."""
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return [] if cursor.description is None else cursor.fetchall()

    def profile(self, handle: str, times: int) -> str:
        """Do it so many times and say where the time goes."""
        from pyinstrument import Profiler  # noqa: PLC0415 - only where it is asked for

        deed = self._made[handle]
        deed()
        with Profiler(interval=0.0002, async_mode="disabled") as profiler:
            for _ in range(times):
                if hasattr(deed, "ready"):
                    deed.ready()
                deed()
        return str(profiler.output_text(unicode=True, show_all=True, color=False))

    def calls(self, handle: str, times: int) -> str:
        """Do it so many times and say which functions take the most."""
        import cProfile  # noqa: PLC0415 - only where it is asked for
        import io  # noqa: PLC0415
        import pstats  # noqa: PLC0415

        deed, profiler, said = self._made[handle], cProfile.Profile(), io.StringIO()
        deed()
        for _ in range(times):
            if hasattr(deed, "ready"):
                deed.ready()
            profiler.enable()
            deed()
            profiler.disable()
        pstats.Stats(profiler, stream=said).sort_stats("tottime").print_stats(45)
        return said.getvalue()

    def resident(self) -> int:
        """Bytes of this process in memory; the most is counted anew from here."""
        with open("/proc/self/clear_refs", "w") as reset:  # noqa: PTH123 - a file of the kernel's
            reset.write("5")
        return _memory("VmRSS")

    def most_resident(self) -> int:
        """Bytes of this process in memory at most since `resident` was asked."""
        return _memory("VmHWM")

    def _lsn(self) -> int:
        return int(self.query("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")[0][0])


def _memory(name: str) -> int:
    with open("/proc/self/status") as lines:  # noqa: PTH123 - a file of the kernel's
        line = next(line for line in lines if line.startswith(name))
    return int(line.split()[1]) * 1024


def main(site: str, file: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = f"benchmarks.sites.{site}.settings"
    django.setup()
    worker = Worker(importlib.import_module(f"benchmarks.sites.{site}.deeds").DEEDS)
    pipe = Connection(file)
    while True:
        try:
            method, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer: tuple[bool, Any] = (True, getattr(worker, method)(*arguments))
        except Exception as failure:
            import traceback  # noqa: PLC0415 - only where it is needed

            answer = (False, f"{failure!r}\n{traceback.format_exc(limit=-8)}")
        pipe.send(answer)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
