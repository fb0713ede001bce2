"""Runs nodes in the order of their needs, and the others at the same time: the one scheduler, for plans and for the supply.

Everything that was begun is joined before anything is raised, so that nothing goes on behind the user's back. After an error, or
once the command is cancelled, nothing new is begun.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from kit import cancel
from kit.cancel import Cancelled


def run(
    needs: Mapping[str, Collection[str]],
    carry_out: Callable[[str], None],
    *,
    workers: int,
    priority: Callable[[str], float] = lambda name: 0,
    may_start: Callable[[str, Collection[str]], bool] = lambda name, running: True,
    skipped: Callable[[str], None] = lambda name: None,
) -> None:
    """Call `carry_out` for each node after all that it needs; among those that are ready, the highest priority first.

    `may_start` is asked with what runs at that moment. `skipped` hears of each node that was not begun. Raises the first error,
    `Cancelled`, or `ValueError` where the nodes need each other in a circle.
    """
    told = cancel.current
    waiting = sorted(needs, key=lambda name: -priority(name))
    running: set[str] = set()
    done: set[str] = set()
    errors: list[BaseException] = []
    ended: queue.SimpleQueue[tuple[str, BaseException | None]] = queue.SimpleQueue()

    def work(name: str) -> None:
        try:
            told.check()
            carry_out(name)
        except BaseException as error:
            ended.put((name, error))
        else:
            ended.put((name, None))

    with told.held_back(), ThreadPoolExecutor(max_workers=workers, thread_name_prefix="step") as pool:
        while True:
            for name in tuple(waiting) if not errors and not told.is_set else ():
                if len(running) < workers and done.issuperset(needs[name]) and may_start(name, running):
                    waiting.remove(name)
                    running.add(name)
                    pool.submit(work, name)
            if not running:
                break
            name, error = ended.get()
            running.remove(name)
            if error is None:
                done.add(name)
            else:
                errors.append(error)
        for name in waiting:
            skipped(name)
    if told.is_set:
        raise Cancelled(told.signal)
    if errors:
        raise errors[0]
    if waiting:
        raise ValueError(f"the plan has a cycle: {', '.join(waiting)}")
