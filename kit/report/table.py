"""The one table of kit: columns of plain text, aligned on the left, two spaces apart."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], indent: int = 0) -> str:
    """A line for each row, all of the same length; "" for no rows. The last column may be as long as it likes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        " " * indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in rows
    )
