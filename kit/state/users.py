"""Who uses a program that several commands share: it goes on as long as anyone does, and ends with the last of them.

Each user holds one file shared, and the kernel counts: a command that is killed uses nothing any more, while a program that it
started, and that goes on (terraform, which nothing kills), still counts. Who has the file alone may end the program.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kit import cancel, files
from kit.adapters import child

POLL_S = 0.1

_outlasted: list[IO[str]] = []  # held to the end of the process, so that nobody uses what is about to end


@contextmanager
def using(path: Path, wait_s: float) -> Iterator[Callable[[], bool]]:
    """Be a user for the length of the block. The value asks, at its end, whether this is the last one: then nobody becomes one
    before the block is left. Else it is none itself any more. Raises `TimeoutError` where the program that is about to end does
    not."""
    files.private_folder(path.parent)
    with path.open("a") as file:
        end = time.monotonic() + wait_s
        while not _taken(file, fcntl.LOCK_SH):
            if time.monotonic() > end:
                raise TimeoutError
            cancel.wait(POLL_S)
        try:
            with child.inherited(file.fileno()):
                yield lambda: _taken(file, fcntl.LOCK_EX)
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # also for programs that still have the descriptor


def when_unused(path: Path, then: Callable[[], None]) -> None:
    """Call this, in a thread, once nobody uses the program any more; nobody can from then on, until this process has ended."""

    def wait() -> None:
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_EX)
        _outlasted.append(file)
        then()

    threading.Thread(target=wait, daemon=True, name="users").start()


def _taken(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
