"""The events of a plan that is carried out, for the live view, the plain lines and JSON alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kit.plan.steps import Step

State = Literal["started", "waiting", "done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class StepEvent:
    step: Step
    state: State
    elapsed_s: float = 0.0
    note: str = ""  # what it waits for, what it made, or why it failed


Listener = Callable[[StepEvent], None]
