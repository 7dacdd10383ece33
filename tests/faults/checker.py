"""
What must hold of a run, judged by its log alone.

1. No token is accepted by a decision that began later than the bound after its revocation committed, nor
   after its own end.
2. Once everything is healed, what is dead is refused and what lives is accepted, by every worker.
3. No token is refused that nothing revoked and that has not ended; `strict`'s 503 is counted, not judged.
   Nothing else is answered.
4. What a failover lost stays refused by each worker that had refused it for that reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.facts import Decision, Failover, Revocation, Said, Token

#: Seconds by which a site forgives a clock (LEEWAY), and by which a fault may put one off.
LEEWAY, SKEW = 10, 5
#: Seconds between two processes reading one clock and writing it down.
_SLACK = 0.005
#: Seconds before a failover from which on a commit may not have reached the replica any more.
_IN_FLIGHT = 1
#: Faults within whose reach (seconds after their end) a 503 is what `strict` promises.
REACH = 3


#: Revocations by an epoch, which only counts up.
_EPOCHS = frozenset({"site", "client", "device", "user", "password"})


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: which, and the facts that show it."""

    what: str
    decision: Decision
    token: Token | None
    revocation: Revocation | None = None
    #: Seconds after the moment from which on it was wrong.
    late: float = 0

    def __str__(self) -> str:
        seen, cause = self.decision, self.revocation
        of = "" if cause is None else f", revocation {cause.id} ({cause.kind}, {cause.way})"
        where = f"token {seen.token} by worker {seen.worker} at {seen.started:.3f}"
        return f"{self.what}: {where}, {self.late:.3f} s{of}"


@dataclass(slots=True)
class Report:
    """The verdict and the figures of a run."""

    violations: list[Violation] = field(default_factory=list)
    decisions: Counter[str] = field(default_factory=Counter)
    revocations: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    #: Milliseconds from a commit to the begin, and to the end, of the last decision that accepted its token.
    worst_begun: float = 0
    worst_ended: float = 0
    #: Revocations that a worker was seen to refuse, summed over the workers.
    seen_refused: int = 0

    def figures(self) -> dict[str, Any]:
        return {
            "revocations": sum(self.revocations.values()),
            "by subject": dict(self.revocations),
            "by way": dict(self.ways),
            "decisions": sum(self.decisions.values()),
            "by outcome": dict(self.decisions),
            "worst acceptance after commit, ms": round(self.worst_begun),
            "the same to its end, ms": round(self.worst_ended),
            "revocations seen refused, summed over workers": self.seen_refused,
            "violations": [
                {"what": each.what, "late": each.late, **_shown(each)} for each in self.violations
            ],
        }


def _shown(violation: Violation) -> dict[str, Any]:
    facts = (violation.decision, violation.token, violation.revocation)
    names = ("decision", "token", "revocation")
    return {name: asdict(fact) for name, fact in zip(names, facts, strict=True) if fact is not None}


class _Index:
    """Revocations by what they are about."""

    def __init__(self, revocations: Iterable[Revocation], failovers: Iterable[Failover]) -> None:
        self._failovers = tuple(failovers)
        self._of: dict[tuple[str, str], list[Revocation]] = defaultdict(list)
        for each in revocations:
            self._of[each.kind, each.key].append(each)

    def about(self, token: Token) -> list[Revocation]:
        """Return the revocations that a token is dead of."""
        site, client, device, user = token.epochs
        measured = (
            ("site", "", site),
            ("before", "", token.iat),
            ("client", token.client, client),
            ("device", token.device, device),
            ("user", token.user, user),
            ("password", token.user, user),
            ("generation", token.family, token.generation),
        )
        # its epochs may be of a history that was lost, and count again what they counted there
        is_of_a_lost_history = any(_is_within(token.obtained, each) for each in self._failovers)
        final = (("family", token.family), ("token", token.jti), ("key", token.kid))
        found = [
            each
            for kind, key, stamp in measured
            for each in self._of.get((kind, key), ())
            # who had it before the revocation began is meant, whatever it is stamped with
            if stamp < each.floor
            or (token.obtained < each.began and kind in _EPOCHS and not is_of_a_lost_history)
        ]
        return found + [each for subject in final for each in self._of.get(subject, ())]


def judge(
    tokens: Sequence[Token],
    decisions: Sequence[Decision],
    revocations: Sequence[Revocation],
    *,
    bound: float,
    failovers: Sequence[Failover] = (),
    disturbed: Sequence[tuple[float, float]] = (),
) -> Report:
    """Return what a run's log proves.

    Args:
        bound: Seconds that a process may accept a token after its revocation committed.
        failovers: What the database lost, and when.
        disturbed: When faults were at work: there a 503 is what was promised.
    """
    report, known = Report(), {token.id: token for token in tokens}
    report.revocations.update(each.kind for each in revocations)
    report.ways.update(each.way for each in revocations)
    index = _Index(revocations, failovers)
    dead_of = {token.id: index.about(token) for token in tokens}
    lost = {each.id for each in revocations if _is_lost(each, failovers)}
    held: dict[tuple[int, str], float] = {}
    seen: set[tuple[int, str]] = set()
    for each in sorted(decisions, key=lambda decision: decision.started):
        token = known.get(each.token)
        report.decisions[_outcome(each, disturbed)] += 1
        if each.said is Said.ERROR:
            report.violations.append(Violation("answered with an error", each, token))
        if token is None:
            continue
        causes = dead_of[token.id]
        if each.said is Said.ACCEPTED:
            _judge_acceptance(report, each, token, causes, lost, held, bound)
        elif each.said is Said.REFUSED:
            _judge_refusal(report, each, token, causes, failovers, bound)
            if not each.is_refresh:
                seen.update((each.worker, cause.id) for cause in _in_force(causes, each, bound))
            if (cause := _only_reason(each, token, causes)) is not None:
                held.setdefault((each.worker, cause.id), each.ended)
    report.violations += _never_healed(decisions)
    report.seen_refused = len(seen)
    return report


def _in_force(causes: Iterable[Revocation], each: Decision, bound: float) -> Iterator[Revocation]:
    return (
        cause for cause in causes if cause.committed is not None and cause.committed + bound < each.started
    )


def _only_reason(each: Decision, token: Token, causes: Sequence[Revocation]) -> Revocation | None:
    """The revocation by which alone a token can have been refused: this worker has it."""
    if len(causes) != 1 or each.is_refresh or _has_ended(each, token):
        return None
    return causes[0]


def _has_ended(each: Decision, token: Token) -> bool:
    return each.wall + each.ended - each.started + SKEW >= token.exp + LEEWAY


def _never_healed(decisions: Iterable[Decision]) -> Iterator[Violation]:
    """Workers that gave nothing but 503 once all was healed."""
    said = defaultdict(list)
    for each in decisions:
        if each.is_last and each.worker:
            said[each.worker].append(each)
    for last in said.values():
        if all(each.said is Said.STALE for each in last):
            yield Violation("still stale after all was healed", last[-1], None)


def _judge_acceptance(
    report: Report,
    each: Decision,
    token: Token,
    causes: Iterable[Revocation],
    lost: set[str],
    held: Mapping[tuple[int, str], float],
    bound: float,
) -> None:
    if (late := each.wall - token.exp - LEEWAY - SKEW) > 0:
        report.violations.append(Violation("accepted after its end", each, token, late=late))
    for cause in causes:
        if cause.committed is None:
            continue
        if cause.id in lost:
            since = held.get((each.worker, cause.id))
            if since is not None and since < each.started:
                report.violations.append(
                    Violation("forgotten after a failover", each, token, cause, each.started - since)
                )
            continue
        late = each.started - cause.committed
        report.worst_begun = max(report.worst_begun, late * 1000)
        report.worst_ended = max(report.worst_ended, (each.ended - cause.committed) * 1000)
        if late > bound + _SLACK:
            what = "accepted after all was healed" if each.is_last else "accepted later than the bound"
            report.violations.append(Violation(what, each, token, cause, late))


def _judge_refusal(
    report: Report,
    each: Decision,
    token: Token,
    causes: Iterable[Revocation],
    failovers: Iterable[Failover],
    bound: float,
) -> None:
    if any(cause.began <= each.ended for cause in causes):
        return
    if not each.is_refresh and _has_ended(each, token):
        return
    # a session that the database lost cannot be refreshed, and what a key signed that was made in the lost
    # seconds verifies nowhere; a worker signs with it until it has noticed
    if any(_is_within(token.obtained, failover, later=bound) for failover in failovers):
        return
    what = "a living session was refused" if each.is_refresh else "a valid token was refused"
    report.violations.append(Violation(what, each, token))


def _is_lost(revocation: Revocation, failovers: Iterable[Failover]) -> bool:
    if revocation.committed is None:
        return False
    return any(
        revocation.id in each.lost or (revocation.order is None and _is_within(revocation.committed, each))
        for each in failovers
    )


def _is_within(moment: float, failover: Failover, *, later: float = 0) -> bool:
    return failover.since - _IN_FLIGHT <= moment <= failover.at + later


def _outcome(decision: Decision, disturbed: Sequence[tuple[float, float]]) -> str:
    if decision.is_refresh:
        return f"refresh {decision.said}"
    if decision.said is not Said.STALE:
        return str(decision.said)
    is_disturbed = any(start <= decision.ended <= end + REACH for start, end in disturbed)
    return "stale during a fault" if is_disturbed else "stale with no fault"
