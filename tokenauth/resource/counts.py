"""What was refused since the issuer was last told: it goes with the next question."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from tokenauth.errors import Cause

_LARGEST = 999_999_999


@dataclass(frozen=True, slots=True)
class Report:
    """Counts on their way to the issuer."""

    counts: Counter[Cause] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        return ",".join(
            f"{cause}:{min(count, _LARGEST)}" for cause, count in sorted(self.counts.items()) if count
        )


class Counts:
    """Refusals by cause; as many numbers as there are causes."""

    def __init__(self) -> None:
        self._counts: Counter[Cause] = Counter()
        self._lock = threading.Lock()

    def note(self, cause: Cause) -> None:
        with self._lock:
            self._counts[cause] += 1

    def taken(self) -> Report:
        """Return what was counted and begin anew."""
        with self._lock:
            report, self._counts = Report(self._counts), Counter()
        return report

    def give_back(self, report: Report) -> None:
        """Count again what did not arrive."""
        with self._lock:
            self._counts.update(report.counts)

    def after_fork(self) -> None:
        self._lock = threading.Lock()
