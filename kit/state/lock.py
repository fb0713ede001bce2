"""One writer per stack at a time.

The kernel holds the lock, so a killed `kit` never leaves one behind; the file only tells who. What this process holds is counted
in `kit.files`, which refuses to write a stack's files without it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kit import files, workspace
from kit.errors import KitError

POLL_S = 0.2


class Locked(KitError):
    """Another `kit` works on this stack."""

    code = "KIT-LOCKED"
    exit_code = 24
    what = "stack {stack} is being worked on"
    why = "{holder} holds its lock; waited {waited_s:.0f} s"
    fix = "wait for it to end and try again, or give another name with --stack"


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
    """Hold the stack's lock for a block; `on_wait` hears once who holds it while this call waits. Raises `Locked`.

    A block within a block of the same process goes on at once: the kernel knows the holder by the open file, and would let it
    wait for itself.
    """
    if files.held_locks[path]:
        yield
        return
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
                    raise Locked(stack=stack, holder=holder, waited_s=clock() - started) from None
                if not told:
                    on_wait(holder)
                    told = True
                sleep(POLL_S)
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "command": command}))
        file.flush()
        _sweep(path)
        files.held_locks[path] += 1
        try:
            yield
        finally:
            files.held_locks[path] -= 1
            file.seek(0)
            file.truncate()


def _sweep(path: Path) -> None:
    """Remove what a killed writer left behind: nobody else writes there now."""
    for folder in workspace.folders_of(path):
        for pattern in (f"{files.TEMPORARY}*", f"*/{files.TEMPORARY}*"):
            for left in folder.glob(pattern):
                if left.parent.name != workspace.EMULATOR:
                    shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink(missing_ok=True)


def is_ours(path: Path) -> bool:
    """Whether this process holds the lock."""
    return files.held_locks[path] > 0


def is_held(path: Path) -> bool:
    """Whether any process holds this lock, this one too."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


def _holder(path: Path) -> str:
    try:
        document = json.loads(path.read_text())
        return f"`kit {document['command']}` (process {document['pid']})"
    except (OSError, ValueError, KeyError):
        return "another kit"
