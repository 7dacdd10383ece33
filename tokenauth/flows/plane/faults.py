"""What is wrong with a plane: who lags, what nobody numbers, who goes by other rules than the others."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tokenauth import conf
from tokenauth.flows.plane.status import Process, Status


def faults(status: Status) -> list[str]:
    """Return what is wrong, a sentence each; nothing where all is well."""
    return [
        *_late(status.processes),
        *_unnumbered(status),
        *_others(status.processes, "rules", [each.rules for each in status.processes]),
        *_others(status.processes, "release", [each.release for each in status.processes]),
    ]


def _late(processes: Sequence[Process]) -> Iterator[str]:
    bound = conf.current().STALENESS_BOUND
    for each in processes:
        if not each.answered:
            yield f"{each.name} did not answer within {bound:g} s; last heard of {each.heard:.1f} s ago"
        elif each.age > bound:
            yield f"{each.name} has a mirror of {each.age:.1f} s: beyond {bound:g} s it answers 503"
        elif each.behind:
            yield f"{each.name} is {each.behind} orders behind after {bound:g} s"


def _unnumbered(status: Status) -> Iterator[str]:
    if status.backlog_late:
        yield f"orders that nobody has numbered within the bound: {status.backlog_late}"


def _others(processes: Sequence[Process], what: str, values: Sequence[str]) -> Iterator[str]:
    if not values:
        return
    usual, so_many = Counter(values).most_common(1)[0]
    for each, value in zip(processes, values, strict=True):
        if value != usual:
            yield f"{each.name} has other {what} ({value}) than {so_many} of {len(values)} ({usual})"
