"""A run that never was."""

from benchmarks.results import OURS, Measurement, Run

MACHINE = {"commit": "0123456789ab", "processor": "Abacus", "cores": 2, "packages": {"django": "5.2"}}


def run(*measurements: Measurement, quick: bool = False) -> Run:
    """A run of these, or of one in which the peer takes five times as long."""
    usual = Measurement(
        "refresh", "one at a time", "s", {OURS: [0.002, 0.003, 0.002], "simplejwt": [0.010, 0.015, 0.010]}
    )
    return Run(MACHINE, quick, list(measurements) or [usual])
