"""What `kit images verify` found, as a table and as data."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kit.report.table import Row, with_details
from kit.supply.verify import GOOD, Compared

SHOWN = 12  # hex digits: enough to compare by eye
MARKS = {"same": "✓", "moved": "·", "differs": "✗", "gone": "✗", "not asked": "?"}


def document(each: Compared) -> dict[str, object]:
    return {**dataclasses.asdict(each), "holds": each.verdict in GOOD}


def table(found: Sequence[Compared]) -> str:
    """One line for each file and image, and below what upstream says where that is not what the lock says."""
    return f"{with_details([(_row(each), _below(each)) for each in found])}{summary(found)}\n"


def _row(each: Compared) -> Row:
    return (MARKS[each.verdict], each.key, each.version, each.part, each.verdict, _short(each.locked), each.note)


def _below(each: Compared) -> Iterator[str]:
    if each.verdict in ("moved", "differs", "gone"):
        yield f"    {each.place}{f', now {_short(each.upstream)}' if each.upstream else ''}"


def summary(found: Iterable[Compared]) -> str:
    """`29 the same, 1 moved, 2 not asked`."""
    count: Counter[str] = Counter(each.verdict for each in found)
    words = {"same": "the same"}
    return (
        ", ".join(f"{count[verdict]} {words.get(verdict, verdict)}" for verdict in MARKS if count[verdict]) or "nothing is pulled"
    )


def _short(sum_: str) -> str:
    return sum_.removeprefix("sha256:")[:SHOWN] or "-"
