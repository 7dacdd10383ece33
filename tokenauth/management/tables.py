"""Tables as the commands print them."""

from collections.abc import Sequence


def as_table(*rows: Sequence[str]) -> list[str]:
    """Return rows of equally many cells as lines whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
