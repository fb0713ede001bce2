"""Versions of programs and the ranges that the lock allows; only dotted numbers count, as in `2.40.3-1~deb12` → 2.40.3."""

from __future__ import annotations

import re


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version like 0.33.0 lies in a range like ">=0.29,<1"; missing parts count as 0."""
    return all(_compare(version, *_bound(part)) for part in wanted.split(","))


def found_in(said: str, pattern: str) -> str | None:
    """The version in what a program printed (the pattern's first group), without a leading v."""
    match = re.search(pattern, said)
    return match.group(1).removeprefix("v") if match else None


def _bound(part: str) -> tuple[str, tuple[int, ...]]:
    match = re.fullmatch(r"\s*(>=|<=|==|>|<)\s*v?(\d+(?:\.\d+)*)\s*", part)
    if match is None:
        raise ValueError(f"`{part}` is not a bound like >=1.2")
    return match.group(1), _numbers(match.group(2))


def _compare(version: str, operator: str, bound: tuple[int, ...]) -> bool:
    have = _numbers(version)
    length = max(len(have), len(bound))
    left, right = (numbers + (0,) * (length - len(numbers)) for numbers in (have, bound))
    return {">=": left >= right, "<=": left <= right, "==": left == right, ">": left > right, "<": left < right}[operator]


def _numbers(version: str) -> tuple[int, ...]:
    """The leading dotted numbers: 2.40.3-1~deb12 → 2, 40, 3."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()
