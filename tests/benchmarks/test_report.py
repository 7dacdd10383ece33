"""How a run is kept and read."""

import json

import pytest

from benchmarks import report, results
from benchmarks.results import OURS, Measurement
from tests.benchmarks import made_up


def test_a_run_comes_back_from_its_file_as_it_was(tmp_path):
    results.save(made_up.run(), tmp_path / "run.json")

    again = results.load(tmp_path / "run.json")

    assert again == made_up.run()


def test_a_file_of_another_format_is_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"format": 0}))

    with pytest.raises(ValueError, match="format 0"):
        results.load(tmp_path / "run.json")


def test_the_table_says_how_many_times_as_much_a_peer_takes():
    text = report.terminal(made_up.run())

    line = next(line for line in text.splitlines() if "simplejwt" in line)
    assert line.split() == ["simplejwt", "10", "ms", "1.25", "ms", "5"]


def test_more_a_second_is_better():
    rates = Measurement("throughput", "gunicorn sync", "/s", {OURS: [300.0], "simplejwt": [100.0]})

    compared = rates.times_better("simplejwt")

    assert compared is not None
    assert compared.median == 3.0


def test_the_page_names_machine_versions_and_commit():
    text = report.markdown(made_up.run())

    assert "- commit: 0123456789ab" in text
    assert "- processor: Abacus" in text
    assert "- packages: django 5.2" in text


def test_the_page_says_that_a_run_was_quick():
    assert "- quick:" in report.markdown(made_up.run(quick=True))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0023, "s", "2.3 ms"),
        (2.1e-6, "s", "2.1 µs"),
        (280e-9, "s", "280 ns"),
        (3 * 2**20, "B", "3 MiB"),
        (0.0, "B", "0 B"),
        (1234.4, "/s", "1,234/s"),
        (2.0, "", "2"),
    ],
)
def test_a_figure_stands_in_the_unit_that_reads_best(value, unit, text):
    assert report.quantity(value, unit) == text
