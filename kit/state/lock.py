"""The stack's lock: one writer per stack at a time.

The kernel holds the lock, so a killed `kit` never leaves one behind, but for the programs that it had started: they hold it until
they have ended. The file only tells who. What this process holds is counted in `kit.files`, which refuses to write a stack's
files without it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from kit import cancel, files, workspace
from kit.adapters import child
from kit.errors import KitError

POLL_S = 0.2

_kept: list[ExitStack] = []  # files of cancelled commands, which hold their lock until the process is over


class Locked(KitError):
    """Another kit command holds the stack's lock."""

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
    sleep: Callable[[float], None] = cancel.wait,
) -> Iterator[None]:
    """Hold the stack's lock for a block; `on_wait` hears once who holds it while this call waits. Raises `Locked`.

    A block within a block of the same process goes on at once: the kernel knows the holder by the open file, and would let it
    wait for itself. Programs that are started in the block hold the lock too, until they have ended. A command that is cancelled
    holds it to the end of its process: until then its threads are waited for.
    """
    if files.held_locks[path]:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as at_the_end:
        file = at_the_end.enter_context(path.open("a+"))
        _wait_for(file, path, stack, wait_s, on_wait, clock, sleep)
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "command": command}))
        file.flush()
        _sweep(path)
        files.held_locks[path] += 1
        try:
            with child.inherited(file.fileno()):
                yield
        finally:
            if cancel.current.is_set:
                _kept.append(at_the_end.pop_all())
            else:
                files.held_locks[path] -= 1
                file.seek(0)
                file.truncate()
                fcntl.flock(file, fcntl.LOCK_UN)  # also for programs that still have the descriptor


def _wait_for(
    file: IO[str],
    path: Path,
    stack: str,
    wait_s: float,
    on_wait: Callable[[str], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    started, told = clock(), False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = _holder(path)
            if clock() - started >= wait_s:
                raise Locked(stack=stack, holder=holder, waited_s=clock() - started) from None
            if not told:
                on_wait(holder)
                told = True
            sleep(POLL_S)


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
        words = f"`kit {document['command']}` (process {document['pid']})"
        if _runs(int(document["pid"])):
            return words
    except (OSError, ValueError, KeyError, TypeError):
        return "another kit"
    heirs = ", ".join(f"{name} (process {number})" for number, name in users(path))
    return f"{heirs or 'a program'}, left running by {words},"


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def users(path: Path) -> Iterator[tuple[int, str]]:
    """The processes that have the file open, as far as the kernel shows them (/proc; none on macOS): their ids and programs."""
    wanted = path.stat()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, or another user's
            found = [entry.stat() for entry in (folder / "fd").iterdir()]
            is_this = int(folder.name) == os.getpid()
            if not is_this and any((each.st_dev, each.st_ino) == (wanted.st_dev, wanted.st_ino) for each in found):
                yield int(folder.name), (folder / "comm").read_text().strip()
