"""What happens while a plan is carried out, as a stream that the terminal, a log and JSON each read in their own way."""

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
