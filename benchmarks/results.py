"""What a run found, as it is kept in a file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.pairing import Found, ratio

#: Of the files.
FORMAT = 1
#: Who is measured beside the peers.
OURS = "tokenauth"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Samples of several subjects doing the same thing, taken in the same rounds.

    Args:
        case: The family of measurements, as it is asked for on the command line.
        what: What was done.
        unit: Of the samples: s, /s, B, statements, or nothing for a plain number.
        samples: By subject.
    """

    case: str
    what: str
    unit: str
    samples: Mapping[str, Sequence[float]]

    @property
    def name(self) -> str:
        return f"{self.case}: {self.what}"

    @property
    def best_is_low(self) -> bool:
        return self.unit != "/s"

    def found(self, who: str) -> Found:
        return Found.of(self.samples[who])

    def times_better(self, than: str) -> Found | None:
        """How many times as good ours is as another subject; None where one of them was not measured."""
        if OURS not in self.samples or than == OURS or than not in self.samples:
            return None
        if not all(self.samples[OURS]) or not all(self.samples[than]):
            return None
        over, under = (than, OURS) if self.best_is_low else (OURS, than)
        return ratio(self.samples[over], self.samples[under])


@dataclass
class Run:
    """All measurements of one run, and on what it was made."""

    machine: Mapping[str, Any]
    quick: bool
    measurements: list[Measurement] = field(default_factory=list)

    def find(self, case: str, what: str) -> Measurement | None:
        return next((each for each in self.measurements if (each.case, each.what) == (case, what)), None)

    def by_case(self) -> Iterator[tuple[str, list[Measurement]]]:
        """Yield the cases in the order in which they were measured."""
        for case in dict.fromkeys(each.case for each in self.measurements):
            yield case, [each for each in self.measurements if each.case == case]


def save(run: Run, path: Path) -> None:
    """Write a run into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"format": FORMAT, **asdict(run)}
    path.write_text(json.dumps(kept, indent=1, sort_keys=False) + "\n")


def load(path: Path) -> Run:
    """Read a run.

    Raises:
        ValueError: The file is of another format.
    """
    kept = json.loads(path.read_text())
    if kept.get("format") != FORMAT:
        raise ValueError(f"{path.name} is of format {kept.get('format')}, not {FORMAT}")
    return Run(kept["machine"], kept["quick"], [Measurement(**each) for each in kept["measurements"]])
