"""
Recording a run: `python -m benchmarks.docs var/bench/RUN.json`.

It is put into benchmarks/results/, where the last three stay, and its figures into the documentation.
Without a file the page is made anew from the newest that lies there.
"""

import argparse
import shutil
import sys
from pathlib import Path

from benchmarks import report, results
from benchmarks.results import Run

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "explanation" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results"
PICTURE = PAGE.with_suffix(".svg")
#: Runs that stay.
KEPT = 3
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class NoPlaceError(Exception):
    """The page does not say where the figures belong."""


def filled(page: str, run: Run, *, picture: bool = False) -> str:
    """Return a page with a run's figures between its two marks, its picture first where there is one.

    Raises:
        NoPlaceError: A mark is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlaceError(f"the page has no {BEGIN} followed by {END}")
    shown = f"![How many times as much the others take]({PICTURE.name})\n\n" if picture else ""
    return f"{before}{BEGIN}\n{shown}{report.markdown(run)}{END}{after}"


def newest(folder: Path) -> Path:
    """Return the newest run of a folder: their names begin with the day and the hour.

    Raises:
        FileNotFoundError: It has none.
    """
    runs = sorted(folder.glob("*.json"))
    if not runs:
        raise FileNotFoundError(f"no run lies in {folder}")
    return runs[-1]


def kept(file: Path, folder: Path) -> Path:
    """Put a run and its picture into a folder, where the newest three stay; where it lies now."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in (file, file.with_suffix(".svg")):
        if part.exists() and part.parent != folder:
            shutil.copy(part, folder)
    for old in sorted(folder.glob("*.json"))[:-KEPT]:
        old.unlink()
        old.with_suffix(".svg").unlink(missing_ok=True)
    return folder / file.name


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.docs", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="a run")
    asked: Path | None = parser.parse_args().file
    file = newest(RESULTS) if asked is None else kept(asked.resolve(), RESULTS)
    picture = file.with_suffix(".svg")
    if picture.exists():
        shutil.copy(picture, PICTURE)
    PAGE.write_text(filled(PAGE.read_text(), results.load(file), picture=picture.exists()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
