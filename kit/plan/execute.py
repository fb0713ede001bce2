"""Carries out a plan step by step, and sends an event to the listener whenever one begins, goes on, ends or fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from kit.plan import graph
from kit.plan.events import Listener, StepEvent
from kit.plan.steps import Plan, Step

WORKERS = 12  # steps mostly wait for other processes; what is heavy (builds) bounds itself

Note = Callable[[str], None]
Action = Callable[[Step, Note], str | None]  # carries a step out; may say what it waits for; returns a closing note


def execute(
    plan: Plan,
    actions: Mapping[str, Action],
    listen: Listener,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run every step by the action of its kind; raises the first error, or `Cancelled`, after all running steps have ended."""
    steps = {step.id: step for step in plan}
    graph.run(
        {step.id: step.needs for step in plan},
        lambda name: _carry_out(steps[name], actions[steps[name].kind], listen, clock),
        workers=WORKERS,
        skipped=lambda name: listen(StepEvent(steps[name], "skipped")),
    )


def _carry_out(step: Step, action: Action, listen: Listener, clock: Callable[[], float]) -> None:
    started = clock()
    listen(StepEvent(step, "started"))
    try:
        note = action(step, lambda reason: listen(StepEvent(step, "waiting", clock() - started, reason)))
    except BaseException as failure:
        listen(StepEvent(step, "failed", clock() - started, str(failure)))
        raise
    listen(StepEvent(step, "done", clock() - started, note or ""))
