"""Versions of programs and the ranges that the lock allows; only dotted numbers count, as in `2.40.3-1~deb12` → 2.40.3."""

from __future__ import annotations

import re
from collections.abc import Iterable

NUMBERS = re.compile(r"v?(\d+(?:\.\d+)*)")


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version like 0.33.0 lies in a range like ">=0.29,<1", which `packaging` reads. Raises ValueError for no range."""
    from packaging.specifiers import SpecifierSet  # 24 ms, of which `kit status` has no use

    allowed, numbers = SpecifierSet(wanted), NUMBERS.match(version)
    return numbers is not None and allowed.contains(numbers[1])


def newest(versions: Iterable[str]) -> str:
    """The highest of them by its numbers; "" where there is none."""
    numbered = [version for version in versions if NUMBERS.match(version)]
    return max(numbered, key=lambda version: [int(part) for part in NUMBERS.match(version)[1].split(".")], default="")  # type: ignore[index]


def found_in(said: str, pattern: str) -> str | None:
    """The version in what a program printed (the pattern's first group), without a leading v."""
    match = re.search(pattern, said)
    return match.group(1).removeprefix("v") if match else None
