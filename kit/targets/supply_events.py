"""Turns the supply's progress into events of a plan: each tool and image is a step of its own.

What the whole will take is told from what each thing took here the last time; where one of them is new here, nothing is told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from kit.plan.events import Listener, StepEvent
from kit.plan.steps import Step
from kit.supply.durations import duration_text, side_by_side


class SupplyEvents:
    def __init__(self, listen: Listener, note: Callable[[str], None] = lambda text: None) -> None:
        """`note` hears how far the whole is: "5 of 16, about 3 min more"."""
        self._listen = listen
        self._note = note
        self._total = 0
        self._left: dict[str, float | None] = {}
        self._began: dict[str, float] = {}

    def begun(self, expected: Mapping[str, float | None]) -> None:
        self._total = self._total - len(self._left) + len(expected)  # a second round makes what the first gave up
        self._left = dict(expected)
        self._tell()

    def started(self, name: str, cause: str) -> None:
        self._began[name] = time.monotonic()
        self._listen(StepEvent(Step("make", name, cause), "started"))

    def doing(self, name: str, what: str) -> None:
        now = time.monotonic()
        self._listen(StepEvent(Step("make", name, ""), "waiting", now - self._began.get(name, now), what))

    def gave_way(self, name: str, why: str) -> None:
        self._listen(StepEvent(Step("make", name, ""), "skipped", 0.0, why))

    def finished(self, name: str, source: str, seconds: float) -> None:
        self._listen(StepEvent(Step("make", name, ""), "done", seconds, source))
        self._left.pop(name, None)
        self._tell()

    def failed(self, name: str, log: str) -> None:
        self._listen(StepEvent(Step("make", name, ""), "failed", 0.0, f"see {log}"))

    def _tell(self) -> None:
        self._note(overall(self._total, tuple(self._left.values()), os.cpu_count() or 1))


def overall(total: int, left: tuple[float | None, ...], at_once: int) -> str:
    """How far the whole is. `left` are the seconds that the unfinished things took before; None: it is not known."""
    told = f"{total - len(left)} of {total}"
    known = [seconds for seconds in left if seconds is not None]
    if not left or len(known) < len(left):
        return told
    return f"{told}, about {duration_text(side_by_side(known, at_once))} more"
