"""One writer per stack at a time.

The kernel holds the lock, so a killed `kit` never leaves one behind; the file only tells who.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.errors import KitError

POLL_S = 0.2


class Locked(KitError):
    """Another `kit` works on this stack."""

    code = "KIT-LOCKED"
    exit_code = 24

    def __init__(self, stack: str, holder: str, waited_s: float) -> None:
        super().__init__(
            what=f"stack {stack} is being worked on",
            why=f"{holder} holds its lock; waited {waited_s:.0f} s",
            fix="wait for it to end and try again, or give another name with --stack",
        )


@contextmanager
def held(
    path: Path,
    stack: str,
    command: str,
    *,
    wait_s: float,
    on_wait: Callable[[str], None] = lambda holder: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the stack's lock for a block; `on_wait` hears once who holds it while this call waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        started, told = clock(), False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = _holder(path)
                if clock() - started >= wait_s:
                    raise Locked(stack, holder, clock() - started) from None
                if not told:
                    on_wait(holder)
                    told = True
                sleep(POLL_S)
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "command": command}))
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()


def _holder(path: Path) -> str:
    try:
        document = json.loads(path.read_text())
        return f"`kit {document['command']}` (process {document['pid']})"
    except (OSError, ValueError, KeyError):
        return "another kit"
