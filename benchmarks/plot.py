"""A run as one picture: how many times as much each peer takes."""

from pathlib import Path

import pygal
from pygal.style import LightColorizedStyle

from benchmarks.results import OURS, Measurement, Run


def save(run: Run, path: Path) -> None:
    """Draw the ratios of a run into an SVG file, on a logarithmic scale."""
    compared = [each for each in run.measurements if _ratios(each)]
    if not compared:
        return
    chart = pygal.HorizontalBar(
        logarithmic=True,
        style=LightColorizedStyle,
        js=[],  # a picture and nothing that runs
        width=1000,
        height=200 + 46 * len(compared),
        title="Times as much as tokenauth (median of the rounds)",
        legend_at_bottom=True,
        legend_at_bottom_columns=2,
        truncate_label=-1,
        truncate_legend=-1,
    )
    chart.x_labels = [each.name for each in reversed(compared)]
    peers = dict.fromkeys(who for each in compared for who in _ratios(each))
    for who in peers:
        chart.add(who, [_ratios(each).get(who) for each in reversed(compared)])
    path.write_bytes(chart.render())


def _ratios(measured: Measurement) -> dict[str, float]:
    found = {who: measured.times_better(who) for who in measured.samples if who != OURS}
    return {who: ratio.median for who, ratio in found.items() if ratio is not None and ratio.median > 0}
