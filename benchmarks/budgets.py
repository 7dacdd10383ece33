"""What this app may cost, as data: each line a ratio to a peer or a number of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.pairing import Found, ratio
from benchmarks.results import OURS, Measurement, Run


class Verdict(StrEnum):
    MET = "met"
    #: On the wrong side, by no more than the spread.
    CLOSE = "close"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit on one subject of a measurement, or on the ratio of two.

    Args:
        case: With `what`: which measurement.
        over: The numerator, by default this app's own figure.
        under: The denominator; None where the figure itself is limited.
        at_least: The least it may be; None where `at_most` says the most.
        whole: Only a whole run decides: a quick one measures something smaller.
    """

    case: str
    what: str
    over: str = OURS
    under: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    whole: bool = False

    def __str__(self) -> str:
        figure = f"{self.over} / {self.under}" if self.under else self.over
        limit = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"{self.case}: {self.what}: {figure} {limit}"

    def found(self, measured: Measurement) -> Found | None:
        """What was measured; None where a subject is missing."""
        if self.over not in measured.samples:
            return None
        if self.under is None:
            return measured.found(self.over)
        if self.under not in measured.samples:
            return None
        return ratio(measured.samples[self.over], measured.samples[self.under])

    def judge(self, found: Found | None) -> Verdict:
        """Say whether a figure keeps to the budget, its spread granted."""
        if found is None:
            return Verdict.NOT_MEASURED
        short = self._short_by(found.median)
        if short <= 0:
            return Verdict.MET
        return Verdict.CLOSE if short <= found.spread else Verdict.MISSED

    def _short_by(self, figure: float) -> float:
        if self.at_least is not None:
            return self.at_least - figure
        assert self.at_most is not None  # noqa: S101 - for the type checker
        return figure - self.at_most


@dataclass(frozen=True, slots=True)
class Judged:
    """A budget beside what was found."""

    budget: Budget
    found: Found | None
    verdict: Verdict


def judged(run: Run) -> Iterator[Judged]:
    """Yield every budget that this run can decide; a run of some cases leaves out those of others."""
    cases = {each.case for each in run.measurements}
    for budget in BUDGETS:
        if budget.case not in cases or (budget.whole and run.quick):
            continue
        measured = run.find(budget.case, budget.what)
        found = None if measured is None else budget.found(measured)
        yield Judged(budget, found, budget.judge(found))


SIMPLEJWT, STATELESS, DOT = "simplejwt", "simplejwt stateless", "django-oauth-toolkit"
BARE_LOOP = "bare loop"
BARE_CHECK, OPEN = "bare signature check", "open view"

BUDGETS = (
    Budget(case="authenticate", what="warm, ES256", over=STATELESS, under=OURS, at_least=40),
    Budget(case="authenticate", what="warm, EdDSA", over=STATELESS, under=OURS, at_least=45),
    Budget(case="authenticate", what="warm, RS256", over=STATELESS, under=OURS, at_least=22),
    Budget(case="authenticate", what="20,000 tokens beside orders", over=STATELESS, under=OURS, at_least=25),
    Budget(case="authenticate", what="statements, warm", at_most=0),
    Budget(case="authenticate", what="verify, ES256", under=BARE_CHECK, at_most=1.20),
    Budget(case="authenticate", what="verify, EdDSA", under=BARE_CHECK, at_most=1.20),
    Budget(case="authenticate", what="verify beyond the bare check, RS256", at_most=20e-6),
    Budget(case="authenticate", what="cold, ES256", under=BARE_CHECK, at_most=1.5),
    Budget(case="authenticate", what="cold, EdDSA", under=BARE_CHECK, at_most=1.5),
    Budget(case="authenticate", what="a remembered token", at_most=700),
    Budget(case="authenticate", what="protected view", under=OPEN, at_most=1.06),
    Budget(case="refresh", what="one at a time", over=SIMPLEJWT, under=OURS, at_least=4.5),
    Budget(case="refresh", what="one at a time", over=DOT, under=OURS, at_least=6.5),
    Budget(case="refresh", what="2 processes x 8 threads", over=OURS, under=SIMPLEJWT, at_least=4),
    Budget(case="refresh", what="planned each time", over=SIMPLEJWT, under=OURS, at_least=3.3),
    Budget(case="refresh", what="statements", at_most=2),
    Budget(case="refresh", what="WAL", at_most=900),
    Budget(case="refresh", what="HOT updates, of 1", at_least=0.95),
    Budget(case="refresh", what="growth of the sessions' table", at_most=0),
    Budget(case="refresh", what="growth of the trail", at_most=300),
    Budget(case="refresh", what="client secret check", at_most=10e-6),
    Budget(case="revoke", what="statements, 10,000 sessions", at_most=4),
    Budget(case="revoke", what="WAL, 10,000 sessions", at_most=2048),
    Budget(
        case="revoke",
        what="tokenauth by sessions",
        over="10,000 sessions",
        under="10 sessions",
        at_most=1.5,
    ),
    Budget(case="purge", what="rows/s", under=SIMPLEJWT, at_least=5),
    Budget(case="purge", what="batch, p99", at_most=0.050, whole=True),
    Budget(case="purge", what="batch, longest", at_most=0.100, whole=True),
    Budget(case="purge", what="memory", at_most=8 * 2**20, whole=True),
    Budget(case="purge", what="a refresh", over="beside a purge", under="quiet", at_most=1.6),
    Budget(case="throughput", what="gunicorn sync", under=OPEN, at_least=0.93),
    *(
        Budget(case="mirror", what=f"{what}, 1,000,000 orders", at_most=most, whole=True)
        for what, most in (("memory", 32 * 2**20), ("load", 2), ("look-up", 400e-9), ("pause", 0.025))
    ),
    *(
        Budget(case="propagation", what=f"{way}, {beside}, p99", under=under, at_most=most, whole=True)
        for way in ("redis", "notify")
        for beside, under, most in (
            ("idle", None, 0.010),
            ("idle", BARE_LOOP, 3),
            ("beside work", None, 0.050),
            ("beside work", BARE_LOOP, 2),
        )
    ),
    *(
        Budget(case="propagation", what=f"poll, {beside}, p99", at_most=1.3 * 0.250, whole=True)
        for beside in ("idle", "beside work")
    ),
)
