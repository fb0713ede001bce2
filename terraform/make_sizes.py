"""Writes the sizes that are made for a load into sizes.yaml, below the line that says so: python terraform/make_sizes.py

What they are made for, and of which constants, stands in kit/capacity/constants.yaml; a test holds the file against this.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.capacity import constants, sizes

FILE = Path(__file__).with_name(sizes.FILE)
LINE = "# ── made by make_sizes.py: change nothing below by hand "
LINE += "─" * (130 - len(LINE)) + "\n"


def document(before: str) -> str:
    """The whole file: what stands above the line stays."""
    return before.partition(LINE)[0].rstrip() + "\n\n" + LINE + "".join(_lines())


def _lines() -> Iterator[str]:
    for name, size in sizes.made(constants.load()).items():
        yield f"\n{name}:\n"
        for key, value in size.items():
            yield f"  {key}: {_word(value)}\n"


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_word(each)}" for key, each in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    FILE.write_text(document(FILE.read_text()))
