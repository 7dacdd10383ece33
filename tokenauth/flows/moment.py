"""One clock per flow, read before its first SELECT (PROTOCOL 1)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from tokenauth.revocation import clock

#: Seconds a flow may take from its clock to its answer: a process that was stopped in between would
#: hand out what an order has outlived.
LONGEST_FLOW = 30


@dataclass(frozen=True, slots=True)
class Moment:
    """When a flow began."""

    at: datetime = field(default_factory=timezone.now)
    _boot: float = field(default_factory=clock.now)

    @property
    def second(self) -> int:
        """Unix seconds."""
        return int(self.at.timestamp())

    def after(self, seconds: float, *, at_most: datetime) -> datetime:
        """Return the moment so many seconds later, capped."""
        return min(self.at + timedelta(seconds=seconds), at_most)

    def is_too_long_ago(self) -> bool:
        """Whether what was read at it may no longer be answered with."""
        elapsed = max((timezone.now() - self.at).total_seconds(), clock.now() - self._boot)
        return elapsed > LONGEST_FLOW
