"""What a case works with: workers, rounds, and the run that takes its figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks import pairing
from benchmarks.databases import Databases
from benchmarks.results import Measurement, Run
from benchmarks.workers import Deed, Worker


class Bench:
    """One run's means. A case is a function that is given it."""

    def __init__(
        self, run: Run, databases: Databases, *, redis_url: str, prefix: str, repeats: int | None
    ) -> None:
        self.run = run
        self.quick = run.quick
        self.repeats = repeats or (4 if run.quick else 15)
        self.redis_url, self.prefix = redis_url, prefix
        self._databases = databases
        self._stack = self._whole = ExitStack()
        self._shared: dict[tuple[str, ...], Worker] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """End the workers of the run with it."""
        with self._whole:
            yield

    @contextmanager
    def case(self) -> Iterator[None]:
        """End a case's own workers with it."""
        with ExitStack() as self._stack:
            yield

    def pick(self, whole: Any, quick: Any) -> Any:
        """What a whole run measures, or a quick one."""
        return quick if self.quick else whole

    def environ(self, site: str, **options: str) -> dict[str, str]:
        """The environment of a site's process, its database a new one."""
        environ = self._environ(site, options)
        self._stack.callback(self._databases.drop, environ["DATABASE_URL"])
        return environ

    def worker(self, site: str, **options: str) -> Worker:
        """Return a process of a site; cases that leave little behind share one."""
        key = (site, *(f"{name}={value}" for name, value in sorted(options.items())))
        if key not in self._shared:
            environ = self._environ(site, options)
            self._shared[key] = self._whole.enter_context(Worker(site, environ))
        return self._shared[key]

    def end_shared(self) -> None:
        """End the processes that cases share: their connections are wanted elsewhere."""
        self._whole.close()
        self._shared.clear()

    def own_worker(self, site: str, **options: str) -> Worker:
        """Start a process of a site on a database of its own."""
        return self.beside(site, self.environ(site, **options))

    def beside(self, site: str, environ: Mapping[str, str]) -> Worker:
        """Start a process of a site in an environment that another has too."""
        return self._stack.enter_context(Worker(site, environ))

    def compare(self, case: str, what: str, deeds: Mapping[str, Deed], *, seconds: float = 0.1) -> None:
        """Measure deeds in turn, each for so long a sample."""
        subjects = {who: deed.calibrate(seconds).seconds for who, deed in deeds.items()}
        self.rounds(case, what, "s", subjects)

    def compare_computing(
        self, case: str, what: str, deeds: Mapping[str, Deed], *, seconds: float = 0.05
    ) -> None:
        """Measure deeds that wait for nothing, in processor time."""
        subjects = {who: deed.calibrate(seconds).processor_seconds for who, deed in deeds.items()}
        self.rounds(case, what, "s", subjects)

    def rounds(
        self,
        case: str,
        what: str,
        unit: str,
        subjects: Mapping[str, Callable[[], float]],
        repeats: int | None = None,
    ) -> None:
        """Measure in turn what deeds do not say by themselves."""
        self.record(case, what, unit, pairing.interleaved(subjects, repeats or self.repeats))

    def record(self, case: str, what: str, unit: str, samples: Mapping[str, Sequence[float]]) -> None:
        """Keep figures."""
        self.run.measurements.append(Measurement(case, what, unit, samples))

    def _environ(self, site: str, options: Mapping[str, str]) -> dict[str, str]:
        own = self._databases.copy(site, lambda url: self._migrate(site, url))
        return {**self._means(own), **options}

    def _means(self, database_url: str) -> dict[str, str]:
        return {
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "CACHE_PREFIX": self.prefix,
        }

    def _migrate(self, site: str, url: str) -> None:
        with Worker(site, self._means(url)) as worker:
            worker.call("migrate")
