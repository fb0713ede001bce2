"""Shows the events of a plan on stderr: as a live view in a terminal, as plain lines everywhere else."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kit.plan.events import Listener, StepEvent

LONGEST_SILENCE_S = 30.0  # between two lines of one step, while it has something new to say
MARKS = {"started": "·", "waiting": "…", "done": "✓", "failed": "✗", "skipped": "-"}


@contextmanager
def listener() -> Iterator[Listener]:
    """The reader that fits where stderr goes; live where it is a terminal."""
    if sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb":
        with Live() as live:
            yield live.listen
    else:
        yield Plain().listen


def line(event: StepEvent) -> str:
    note = f"  {event.note}" if event.note else f"  {event.step.cause}" if event.state == "started" else ""
    seconds = f"{event.elapsed_s:6.1f} s" if event.state in ("done", "failed", "waiting") else " " * 8
    return f"{MARKS[event.state]} {seconds}  {event.step.verb:<8} {event.step.subject:<18}{note}".rstrip()


class Plain:
    """A line when a step ends, and one when what it waits for has changed: after a second, then at growing distances.

    A build of minutes says each second something new; a log wants to know that it goes on, and no more.
    """

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._waits: dict[str, tuple[str, float, float]] = {}  # what was said, when, and how long it is silent now

    def listen(self, event: StepEvent) -> None:
        with self._writing:
            if event.state == "waiting":
                said, at_s, silent_s = self._waits.get(event.step.id, ("", 0.0, 1.0))
                if said == event.note or event.elapsed_s - at_s < silent_s:
                    return
                self._waits[event.step.id] = (event.note, event.elapsed_s, min(2 * silent_s, LONGEST_SILENCE_S))
            print(line(event), file=sys.stderr, flush=True)


class Live:
    """What ended stands above; what runs stands below it, with its time and what it waits for, ten times a second."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._console = Console(stderr=True, highlight=False)
        self._started: dict[str, tuple[float, StepEvent]] = {}  # before the view, which draws itself once at once
        self._live = RichLive(console=self._console, refresh_per_second=10, get_renderable=self._running, transient=True)

    def __enter__(self) -> Live:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def listen(self, event: StepEvent) -> None:
        from rich.text import Text

        identity = event.step.id
        if event.state == "started":
            self._started[identity] = (time.monotonic(), event)
        elif event.state == "waiting":
            began, _ = self._started.get(identity, (time.monotonic() - event.elapsed_s, event))
            self._started[identity] = (began, event)
        else:
            self._started.pop(identity, None)
            style = {"done": "green", "failed": "red", "skipped": "dim"}[event.state]
            self._console.print(Text(line(event), style=style if event.state != "done" else ""))

    def _running(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        for _ in range(4):
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")  # a step is a line, whatever it waits for
        now = time.monotonic()
        for began, event in list(self._started.values()):
            waits = event.note if event.state == "waiting" else event.step.cause
            table.add_row("…", f"{now - began:6.1f} s", event.step.verb, event.step.subject, Text(waits, style="dim"))
        return table
