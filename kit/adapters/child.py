"""A child process: how it is started and how it is ended, with everything that it has started.

It gets a process group of its own, so that all of it can be ended, and the descriptors of the locks that this process holds, so
that a lock is held until the last child has ended, even where this process is killed.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from kit import cancel
from kit.errors import FolderGone, ToolGone, ToolMissing, ToolUnusable

END_GRACE_S = 5.0  # from SIGTERM to SIGKILL

# What runs at this moment and may be ended, and the thread that waits for it.
_running: dict[subprocess.Popen[bytes], int] = {}

# Descriptors that hold locks.
_locks: set[int] = set()
_starting = threading.Lock()  # while it is held, no descriptor of `_locks` is closed

Environment = Mapping[str, str | None]  # added to this process's own; None takes a variable away

# Why a program that is there cannot be started, and what helps. ENOEXEC: execve(2), "not in a recognized format".
UNUSABLE: Mapping[int, tuple[str, str]] = {
    errno.ENOEXEC: (
        "it is no program that this computer can run: it was written in part, or is for another platform",
        "remove {program} and run the same command again: what kit made is made again, anything else must be installed",
    ),
    errno.EACCES: ("it may not be executed", "chmod +x {program}, unless it lies on a file system that is mounted with noexec"),
}


def start(
    argv: tuple[str, ...],
    env: Environment | None,
    cwd: Path | None = None,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: IO[bytes] | int,
    stderr: IO[bytes] | int,
    only_env: Mapping[str, str] | None = None,
    holds_locks: bool = True,
) -> subprocess.Popen[bytes]:
    """Raises `ToolMissing`, `ToolUnusable`, and `Cancelled`: once the command was told to end, no program is started."""
    cancel.check()
    try:
        with _starting:
            return subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=_complete(env) if only_env is None else dict(only_env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=tuple(_locks) if holds_locks else (),
            )
    except FileNotFoundError as missing:
        if cwd is not None and not cwd.exists():
            raise FolderGone(program=argv[0], folder=cwd) from missing
        raise (ToolGone if "/" in argv[0] else ToolMissing)(program=argv[0]) from missing
    except OSError as error:
        why, fix = UNUSABLE.get(error.errno or 0, (error.strerror or str(error), "see whether {program} runs by hand"))
        raise ToolUnusable(program=argv[0], why=why, fix=fix.format(program=argv[0])) from error


@contextmanager
def inherited(descriptor: int) -> Iterator[None]:
    """Children that are started in the block get this descriptor of a lock: the lock is free when the last of them has ended."""
    _locks.add(descriptor)
    try:
        yield
    finally:
        with _starting:
            _locks.discard(descriptor)


@contextmanager
def ended_with_command(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """A block that waits for a child. It ends the child when the command is told to end, or when the block fails.

    Raises `Cancelled` in the first case, unless the child had done its work.
    """
    kills: list[threading.Timer] = []

    def end() -> None:
        signal_group(process, signal.SIGTERM)
        kills.append(threading.Timer(END_GRACE_S, signal_group, (process, signal.SIGKILL)))
        kills[-1].start()

    _running[process] = threading.get_ident()
    try:
        with cancel.current.calling(end):
            yield
    except BaseException:
        end_group(process)
        raise
    finally:
        del _running[process]
        for kill in kills:
            kill.cancel()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    if process.returncode != 0:
        cancel.check()


def ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """SIGINT to the program alone, not to its group: terraform tells its plugins itself, and in its own order."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to all of it, SIGKILL to what is left of it."""
    signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_GRACE_S)
    signal_group(process, signal.SIGKILL)
    process.wait()


def end_those_of(thread: int) -> None:
    """End what this thread waits for by `ended_with_command` at this moment; it gets `ToolFailed`."""
    for process, waits in tuple(_running.items()):
        if waits == thread:
            end_group(process)


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        os.killpg(process.pid, number)


def _complete(env: Environment | None) -> dict[str, str] | None:
    """None leaves the environment to the system, which hands on this process's own."""
    if not env:
        return None
    return {name: value for name, value in {**os.environ, **env}.items() if value is not None}
