"""The one door to other programs: an argument list in, a frozen result out, secrets masked on the way to any text.

Nothing else in `kit` imports `subprocess`. There is no shell. A non-zero exit raises `ToolFailed` with a command line that
can be pasted, unless the caller says that it reads the exit code itself (`check=False`).
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from kit.errors import ToolFailed, ToolMissing, ToolTimeout

OUTPUT_TAIL_LINES = 30

# What runs at this moment, so that an interrupted `kit` ends what it started. Steps run in threads, which Ctrl-C does not reach.
_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True, slots=True)
class Result:
    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str


class Runner(Protocol):
    def __call__(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout_s: float = 60,
        secrets: Collection[str] = (),
        check: bool = True,
        log: Path | None = None,
    ) -> Result: ...


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 60,
    secrets: Collection[str] = (),
    check: bool = True,
    log: Path | None = None,
) -> Result:
    """Run a program to its end.

    `env` is added to this process's environment. With `log`, stdout and stderr go to that file (appended, as they come) and
    `Result.stdout` holds its last lines. The program gets a process group of its own, so that time-outs and Ctrl-C end
    what it started as well.
    """
    command = tuple(argv)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(f"$ {pasteable(command, secrets)}\n".encode())
            file.flush()
            exit_code, _, _ = _communicate(command, stdin, env, cwd, timeout_s, secrets, output=file)
        result = Result(command, exit_code, masked(tail(log.read_text(errors="replace")), secrets), "")
    else:
        exit_code, stdout, stderr = _communicate(command, stdin, env, cwd, timeout_s, secrets, output=None)
        result = Result(command, exit_code, stdout, stderr)
    if check and result.exit_code != 0:
        raise failure(result, secrets=secrets, log=log)
    return result


def failure(result: Result, *, secrets: Collection[str] = (), log: Path | None = None) -> ToolFailed:
    """The error that stands for a failed program, for callers that decide on the exit code themselves."""
    said = tail(result.stderr.strip() or result.stdout.strip())
    return ToolFailed(
        what=f"{os.path.basename(result.argv[0])} failed with exit code {result.exit_code}",
        why=masked(said.splitlines()[-1] if said else "it said nothing", secrets),
        fix=f"see {log}" if log else f"run it by hand: {pasteable(result.argv, secrets)}",
        detail=masked(f"$ {pasteable(result.argv, secrets)}\n{said}", secrets),
    )


def pasteable(argv: Sequence[str], secrets: Collection[str] = ()) -> str:
    return masked(shlex.join(argv), secrets)


def masked(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def tail(text: str, lines: int = OUTPUT_TAIL_LINES) -> str:
    return "\n".join(text.splitlines()[-lines:])


def end_all() -> None:
    """End every program that runs through this door at this moment; their callers get `ToolFailed`."""
    for process in tuple(_running):
        _end_group(process)


def spawn(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> int:
    """Start a program that outlives this process (the engine, where no init system would start it); returns its process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        process = subprocess.Popen(
            tuple(argv),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env} if env else None,
            start_new_session=True,
            close_fds=True,
        )
    return process.pid


def _communicate(
    argv: tuple[str, ...],
    stdin: str | None,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    timeout_s: float,
    secrets: Collection[str],
    output: IO[bytes] | None,
) -> tuple[int, str, str]:
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.STDOUT if output else subprocess.PIPE,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as missing:
        raise ToolMissing(
            what=f"{argv[0]} not found",
            why="it is neither on PATH nor in kit's cache" if cwd is None or cwd.exists() else f"{cwd} does not exist",
            fix="kit setup",
        ) from missing
    _running.add(process)
    try:
        stdout, stderr = process.communicate(None if stdin is None else stdin.encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end_group(process)
        raise ToolTimeout(
            what=f"{os.path.basename(argv[0])} did not end within {timeout_s:.0f} s",
            why="it was stopped, with everything it had started",
            fix=f"run it by hand to see what it waits for: {pasteable(argv, secrets)}",
        ) from None
    except BaseException:
        _end_group(process)
        raise
    finally:
        _running.discard(process)
    return process.returncode, (stdout or b"").decode(errors="replace"), (stderr or b"").decode(errors="replace")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(5)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
