"""A run as people read it: on the terminal, and in the documentation."""

from collections.abc import Callable, Iterable, Iterator

from benchmarks import budgets
from benchmarks.budgets import Judged, Verdict
from benchmarks.pairing import Found
from benchmarks.results import OURS, Measurement, Run

_HEAD = ("what", "who", "median", "spread", "as against tokenauth")


def terminal(run: Run) -> str:
    """All figures and budgets as columns of text."""
    lines = [*machine_lines(run)]
    for case, measured in run.by_case():
        lines += ["", case, *_columns([_HEAD, *_rows(measured)])]
    decided = list(budgets.judged(run))
    if decided:
        lines += ["", "budgets", *_columns([("budget", "found", "spread", ""), *map(_budget_row, decided)])]
    return "\n".join(lines)


def markdown(run: Run) -> str:
    """The same for a page of the documentation."""
    lines = ["Measured on:", "", *(f"- {line}" for line in machine_lines(run))]
    for case, measured in run.by_case():
        lines += ["", f"### {case.capitalize()}", "", *_table(_HEAD, _rows(measured))]
    decided = list(budgets.judged(run))
    if decided:
        rows = map(_budget_row, decided)
        lines += ["", "### Budgets", "", *_table(("budget", "found", "spread", ""), rows)]
    return "\n".join(lines) + "\n"


def misses(run: Run) -> list[Judged]:
    """The budgets that were missed by more than their spread, or not measured though their case ran."""
    wrong = (Verdict.MISSED, Verdict.NOT_MEASURED)
    return [each for each in budgets.judged(run) if each.verdict in wrong]


def machine_lines(run: Run) -> Iterator[str]:
    """Yield what it ran on, a line each."""
    for name, value in run.machine.items():
        if isinstance(value, dict):
            yield f"{name}: {', '.join(f'{each} {version}' for each, version in value.items())}"
        elif value != "":
            yield f"{name}: {value}"
    if run.quick:
        yield "quick: fewer repeats, smaller tables"


def quantity(value: float, unit: str) -> str:
    """A figure in the unit that reads best."""
    match unit:
        case "s":
            return _scaled(value, ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")))
        case "B":
            return _scaled(value, ((2**20, "MiB"), (2**10, "KiB"), (1, "B")))
        case "/s":
            return f"{value:,.0f}/s"
    return f"{value:,.4g} {unit}".rstrip()


def _scaled(value: float, scales: tuple[tuple[float, str], ...]) -> str:
    for size, name in scales:
        if abs(value) >= size:
            return f"{value / size:.3g} {name}" if value / size < 1000 else f"{value / size:,.0f} {name}"
    size, name = scales[-1]
    return f"{value / size:.3g} {name}"


def _rows(measured: Iterable[Measurement]) -> Iterator[tuple[str, ...]]:
    for each in measured:
        for number, who in enumerate(each.samples):
            found = each.found(who)
            yield (
                each.what if number == 0 else "",
                who,
                quantity(found.median, each.unit),
                quantity(found.spread, each.unit) if found.spread else "",
                _times(each, who),
            )


def _times(measured: Measurement, who: str) -> str:
    compared = measured.times_better(who)
    if compared is None:
        return "1" if who == OURS and len(measured.samples) > 1 else ""
    return _figure(compared) + (f" ± {compared.spread:.2g}" if compared.spread else "")


def _budget_row(judged: Judged) -> tuple[str, ...]:
    found = judged.found
    if found is None:
        return str(judged.budget), "", "", judged.verdict
    return str(judged.budget), _figure(found), f"{found.spread:.2g}" if found.spread else "", judged.verdict


def _figure(found: Found) -> str:
    return f"{found.median:,.0f}" if found.median >= 1000 else f"{found.median:.3g}"


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    justify: list[Callable[[str, int], str]] = [str.ljust, str.ljust, str.rjust, str.rjust, str.rjust]
    return [
        "  " + "  ".join(how(cell, width) for how, cell, width in zip(justify, row, widths, strict=False))
        for row in cells
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"
