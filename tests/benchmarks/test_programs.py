"""What the programs print is read as they print it."""

import pytest

from benchmarks import mirror as mirror_program
from benchmarks import propagation as propagation_program
from benchmarks.load import RefusedError, read
from benchmarks.programs import mirror, propagation


def test_the_mirrors_table_is_read():
    row = mirror_program.Row(
        100_000, (2.5, 2.6, 4.0), (0.25, 0.2, 0.1), (210.0, 230.0, 900.0), (1.5, 2.5, 0.5)
    )
    heading = "   orders  counted   traced      RSS    load     CPU   sweep   miss    hit  judge"

    assert list(mirror.rows(f"{heading}\n{row}\n")) == [
        mirror.Row(100_000, 2.5, 2.6, 4.0, 0.25, 0.2, 0.1, 210, 230, 900, 1.5, 2.5, 0.5)
    ]


def test_the_table_of_propagation_is_read(capsys):
    propagation_program._show("redis, beside work", [1.0, 1.0, 1.0], [2.0, 2.0, 2.0])
    propagation_program._show("poll, idle", [125.0, 125.0, 125.0], [])

    assert list(propagation.rows(capsys.readouterr().out)) == [
        propagation.Row("redis, beside work", 1.0, 1.0, 2.0, 2.0),
        propagation.Row("poll, idle", 125.0, 125.0),
    ]


WRK = """Running 1s test @ http://127.0.0.1:43567/open/
  1 threads and 8 connections
  Latency Distribution
     50%    5.60ms
     99%   24.01ms
  1401 requests in 1.00s, 286.05KB read
Requests/sec:   1393.60
"""


def test_the_report_of_the_load_is_read():
    load = read(WRK)

    assert (load.rate, load.p99) == (1393.6, pytest.approx(0.02401))


def test_a_load_that_was_refused_is_no_figure():
    with pytest.raises(RefusedError):
        read(WRK + "  Non-2xx or 3xx responses: 1401\n")
