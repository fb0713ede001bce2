"""The tools and images that a plan needs first: a table for people, rows for programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from kit.report.table import columns
from kit.supply.durations import duration_text, side_by_side, typical
from kit.supply.outlook import Outlook


def document(outlook: Sequence[Outlook]) -> list[dict[str, Any]]:
    """`seconds` is None where nobody knows; `measured`: "here", or the day on which they were measured elsewhere."""
    return [
        {
            "name": each.key,
            "how": each.how,
            "what": each.what,
            "why": each.why or None,
            "seconds": each.expected.seconds if each.expected else None,
            "measured": (("here" if each.expected.is_from_here else typical().measured) if each.expected else None),
        }
        for each in outlook
    ]


def table(outlook: Sequence[Outlook]) -> str:
    missing = [each for each in outlook if not each.is_here]
    rows = [(each.key, each.how, "here" if each.is_here else _time(each), each.what, each.why) for each in outlook]
    return f"\nto be got first: {len(missing)} of {len(outlook)}{_in_all(missing)}\n" + columns(rows, indent=2) + _source(missing)


def _time(each: Outlook) -> str:
    if each.expected is None:
        return "?"
    return duration_text(each.expected.seconds) + ("" if each.expected.is_from_here else " *")


def _in_all(missing: Sequence[Outlook]) -> str:
    known = [each.expected.seconds for each in missing if each.expected]
    unknown = len(missing) - len(known)
    said = [f"about {duration_text(side_by_side(known, os.cpu_count() or 1))}"] if known else []
    said += [f"{unknown} download{'s' if unknown > 1 else ''} of unknown time"] if unknown else []
    return "".join(f", {each}" for each in said)


def _source(missing: Sequence[Outlook]) -> str:
    if all(each.expected is None or each.expected.is_from_here for each in missing):
        return ""
    return f"  * never made here: as measured on {typical().measured} ({typical().on})\n"
