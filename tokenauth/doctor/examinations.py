"""Every examination, one after the other; one that fails or hangs does not stop the others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tokenauth.doctor import (
    bounded,
    broker,
    cache,
    clocks,
    database,
    installed,
    keys,
    notifier,
    plane,
    system_checks,
    tasks,
    threads,
    withheld,
)
from tokenauth.doctor.findings import Finding, Level, error, warning

#: Seconds one examination may take.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Examination:
    """A function that looks at one thing, and the ones without which it cannot."""

    name: str
    look: Callable[[], Sequence[Finding]]
    after: tuple[str, ...] = ()


_SETTINGS = ("settings",)
_DATABASE = ("settings", "database")
_TABLES = ("settings", "database", "migrations")

EXAMINATIONS = (
    Examination("settings", system_checks.settings),
    Examination("checks", system_checks.without_database, after=_SETTINGS),
    Examination("database", database.answers, after=_SETTINGS),
    Examination("migrations", database.migrations, after=_DATABASE),
    Examination("data", system_checks.of_database, after=_TABLES),
    Examination("keys", keys.states, after=_TABLES),
    Examination("mirror", plane.mirror, after=_TABLES),
    Examination("notifier", notifier.arrives, after=_TABLES),
    Examination("triggers", installed.triggers, after=_TABLES),
    Examination("clock", clocks.of_database, after=_DATABASE),
    Examination("jobs", tasks.jobs, after=_TABLES),
    Examination("cache", cache.of_limits, after=_SETTINGS),
    Examination("broker", broker.answers),
    Examination("threads", threads.start, after=_SETTINGS),
)


def examine(patience: float = PATIENCE) -> list[Finding]:
    """Look at everything; nothing is changed, nothing is raised.

    Args:
        patience: Seconds that one examination may take; what takes longer is an error.
    """
    found: list[Finding] = []
    for each in EXAMINATIONS:
        spoiled = {finding.about for finding in found if finding.level is Level.ERROR}
        found += [replace(finding, about=each.name) for finding in _made(each, spoiled, patience)]
    return found


def _made(each: Examination, spoiled: set[str], patience: float) -> Iterator[Finding]:
    if missing := [name for name in each.after if name in spoiled]:
        yield warning("not examined", mend=f"Mend what is wrong with {missing[0]!r}, then ask again.")
        return
    try:
        yield from bounded.within(patience, each.look)
    except TimeoutError:
        yield error(f"no answer within {patience:g} seconds", mend="See whether it can be reached from here.")
    except Exception as failure:
        yield error(
            f"could not be examined: {withheld.described(failure)}", mend="Mend that, then ask again."
        )
