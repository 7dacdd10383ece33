"""
The page of the documentation, from a run: `python -m benchmarks.docs benchmarks/results/RUN.json`.

Without a file the newest of benchmarks/results/ is taken.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import report, results
from benchmarks.results import Run

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "explanation" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class NoPlaceError(Exception):
    """The page does not say where the figures belong."""


def filled(page: str, run: Run) -> str:
    """Return a page with a run's figures between its two marks.

    Raises:
        NoPlaceError: A mark is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlaceError(f"the page has no {BEGIN} followed by {END}")
    return f"{before}{BEGIN}\n{report.markdown(run)}{END}{after}"


def newest(folder: Path) -> Path:
    """Return the newest run of a folder: their names begin with the day and the hour.

    Raises:
        FileNotFoundError: It has none.
    """
    runs = sorted(folder.glob("*.json"))
    if not runs:
        raise FileNotFoundError(f"no run lies in {folder}")
    return runs[-1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.docs", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="a run")
    run = results.load(parser.parse_args().file or newest(RESULTS))
    PAGE.write_text(filled(PAGE.read_text(), run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
