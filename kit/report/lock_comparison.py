"""What `kit images verify` found, as a table and as data."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from kit.supply.verify import GOOD, Compared

SHOWN = 12  # hex digits: enough to compare by eye
MARKS = {"same": "✓", "moved": "·", "differs": "✗", "gone": "✗", "not asked": "?"}


def document(each: Compared) -> dict[str, object]:
    return {**dataclasses.asdict(each), "holds": each.verdict in GOOD}


def table(found: Sequence[Compared]) -> str:
    """One line for each file and image, and below what upstream says where that is not what the lock says."""
    key = max((len(each.key) for each in found), default=0)
    version = max((len(each.version) for each in found), default=0)
    part = max((len(each.part) for each in found), default=0)
    lines = []
    for each in found:
        start = f"{MARKS[each.verdict]} {each.key:<{key}}  {each.version:<{version}}  {each.part:<{part}}"
        lines.append(f"{start}  {each.verdict:<9}  {_short(each.locked):<{SHOWN}}  {each.note}".rstrip())
        if each.verdict in ("moved", "differs", "gone"):
            now = f", now {_short(each.upstream)}" if each.upstream else ""
            lines.append(f"    {each.place}{now}")
    return "\n".join([*lines, summary(found)]) + "\n"


def summary(found: Iterable[Compared]) -> str:
    """`29 the same, 1 moved, 2 not asked`."""
    count: Counter[str] = Counter(each.verdict for each in found)
    words = {"same": "the same"}
    return (
        ", ".join(f"{count[verdict]} {words.get(verdict, verdict)}" for verdict in MARKS if count[verdict]) or "nothing is pulled"
    )


def _short(sum_: str) -> str:
    return sum_.removeprefix("sha256:")[:SHOWN] or "-"
