"""The one table of kit: columns of plain text, aligned on the left, two spaces apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Row = Sequence[str]


def columns(rows: Sequence[Row], indent: int = 0) -> str:
    """A line for each row, all of the same length; "" for no rows. The last column may be as long as it likes."""
    return "".join(f"{' ' * indent}{line}\n" for line in _lines(rows))


def with_details(rows: Sequence[tuple[Row, Iterable[str]]]) -> str:
    """The same with lines of their own below each row."""
    heads = _lines([row for row, _ in rows])
    return "".join("".join(f"{line}\n" for line in (head, *below)) for head, (_, below) in zip(heads, rows, strict=True))


def _lines(rows: Sequence[Row]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
