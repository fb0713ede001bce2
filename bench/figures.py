"""What a figure is, and how it is taken: whole processes, medians, counts."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    what: str
    measured: str
    target: str
    method: str


@dataclass(frozen=True)
class Rounds:
    """How often each figure is taken: as often as it needs, or as often as was asked for."""

    asked: int | None = None

    def of(self, usual: int) -> int:
        return self.asked or usual


def say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def median(times: int, action: Callable[[], object]) -> float:
    """The first call, which finds nothing in the caches, counts only where it is the only one."""
    if times > 1:
        action()
    return statistics.median(timed(action) for _ in range(times))


def timed(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def milliseconds(value: float) -> str:
    return f"{value * 1000:.0f} ms"


def seconds(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f} s"
