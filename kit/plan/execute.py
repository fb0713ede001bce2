"""Carrying out a plan: the one place with concurrency. What does not depend on each other runs at the same time.

Everything that was started is joined before anything is reported, so that a failed `up` never leaves a step running behind the
user's back. After a failure, steps that do not depend on the failed one still in the queue are not begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

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
    interrupt: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run every step by the action of its kind; raises the first error after all running steps have ended.

    On Ctrl-C `interrupt` is called to end what the steps wait for, and `KeyboardInterrupt` is raised once they have ended.
    """
    waiting = list(plan)
    done: set[str] = set()
    running: dict[Future[None], Step] = {}
    error: BaseException | None = None
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="step") as pool:
        try:
            while waiting or running:
                if error is None:
                    for step in [step for step in waiting if done.issuperset(step.needs)]:
                        waiting.remove(step)
                        running[pool.submit(_carry_out, step, actions[step.kind], listen, clock)] = step
                if not running:
                    break
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    step = running.pop(future)
                    failure = future.exception()
                    if failure is None:
                        done.add(step.id)
                    else:
                        error = error or failure
        except KeyboardInterrupt:
            interrupt()
            raise  # leaving the pool joins what still runs
        for step in waiting:
            listen(StepEvent(step, "skipped"))
    if error is not None:
        raise error
    if waiting:
        raise ValueError(f"the plan has a cycle: {', '.join(step.id for step in waiting)}")


def _carry_out(step: Step, action: Action, listen: Listener, clock: Callable[[], float]) -> None:
    started = clock()
    listen(StepEvent(step, "started"))
    try:
        note = action(step, lambda reason: listen(StepEvent(step, "waiting", clock() - started, reason)))
    except BaseException as failure:
        listen(StepEvent(step, "failed", clock() - started, str(failure)))
        raise
    listen(StepEvent(step, "done", clock() - started, note or ""))
