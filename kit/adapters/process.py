"""Runs other programs, the only place that does: an argument list in, a frozen result out, secrets masked in every text.

Nothing else in `kit` imports `subprocess`, but `child`. There is no shell. A non-zero exit raises `ToolFailed` with a command
line that can be pasted, unless the caller says that it reads the exit code itself (`check=False`).
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from kit import cancel
from kit.adapters import child
from kit.adapters.bounded import Bounded, Bounds, through_pipes
from kit.adapters.child import Environment
from kit.errors import ToolFailed, ToolTimeout

OUTPUT_TAIL_LINES = 30
FOLLOW_EVERY_S = 0.05

BESIDE_GRACE_S = 30.0  # what runs beside writes down what it keeps


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
        env: Environment | None = None,
        cwd: Path | None = None,
        timeout_s: float = 60,
        secrets: Collection[str] = (),
        check: bool = True,
        log: Path | None = None,
    ) -> Result: ...


class Streamer(Protocol):
    def __call__(
        self,
        argv: Sequence[str],
        *,
        on_line: Callable[[str], None],
        env: Environment | None = None,
        cwd: Path | None = None,
        secrets: Collection[str] = (),
    ) -> Result: ...


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    env: Environment | None = None,
    cwd: Path | None = None,
    timeout_s: float = 60,
    secrets: Collection[str] = (),
    check: bool = True,
    log: Path | None = None,
) -> Result:
    """Run a program to its end.

    `env` is added to this process's environment, or takes from it. With `log`, stdout and stderr go to that file (appended, as
    they come, secrets masked) and `Result.stdout` holds its last lines. The program gets a process group of its own, so that
    time-outs and signals end what it started as well. Raises `Cancelled` where the command was told to end before this program
    had ended well.
    """
    command = tuple(argv)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(f"$ {pasteable(command, secrets)}\n".encode())
            file.flush()
            with _masking(file, secrets) as output:
                exit_code, _, _ = _communicate(command, stdin, env, cwd, timeout_s, secrets, output, log)
        result = Result(command, exit_code, masked(tail(log.read_text(errors="replace")), secrets), "")
    else:
        exit_code, stdout, stderr = _communicate(command, stdin, env, cwd, timeout_s, secrets)
        result = Result(command, exit_code, stdout, stderr)
    if check and result.exit_code != 0:
        raise failure(result, secrets=secrets, log=log)
    return result


def stream(
    argv: Sequence[str],
    *,
    on_line: Callable[[str], None],
    env: Environment | None = None,
    cwd: Path | None = None,
    secrets: Collection[str] = (),
) -> Result:
    """Run a program that takes its time and says what it does: `on_line` gets each line of stdout as it comes, secrets masked.

    Returns whatever the exit code is. There is no time-out. For programs that change things in steps and must write down how far
    they came: a signal to this process becomes one SIGINT to the program alone, which ends in its own time, still heard, before
    `Cancelled` is raised; each further one is a further SIGINT. The program is never killed. It speaks into files: a pipe would
    break when this process is killed, and the program would die of that.
    """
    command = tuple(argv)
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        with cancel.current.held_back():
            process = child.start(command, env, cwd, stdout=stdout, stderr=stderr)
            with cancel.current.calling(lambda: child.ask_to_end(process)):
                broken = _followed(process, stdout.fileno(), lambda line: on_line(_masked_line(line, secrets)))
        cancel.check()
        if broken is not None:
            raise broken
        return Result(command, process.returncode, _whole(stdout), _whole(stderr))


def feed(argv: Sequence[str], pieces: Iterable[bytes], *, env: Environment | None = None, timeout_s: float = 60) -> Result:
    """Run a program that reads `pieces` from its stdin as they come. Raises `ToolFailed` and `ToolTimeout`.

    When it ends before it has read them all, the rest stays where it is. The pieces are read in a thread of their own, which is
    left behind where they do not come: it ends when their source does, or with the process.
    """
    command = tuple(argv)
    broken: list[BaseException] = []
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = child.start(command, env, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr)

        def write() -> None:
            assert process.stdin is not None
            try:
                for piece in pieces:
                    process.stdin.write(piece)
            except BrokenPipeError:
                pass  # it has ended, or reads no more
            except BaseException as error:
                broken.append(error)
                child.end_group(process)  # before the end of its input, which it would take for all of it
            finally:
                with suppress(BrokenPipeError):
                    process.stdin.close()

        with child.ended_with_command(process):
            threading.Thread(target=write, daemon=True, name="feed").start()
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                child.end_group(process)
                raise _too_late(command, timeout_s, said=_whole(stderr) or _whole(stdout)) from None
        if broken:
            raise broken[0]
        result = Result(command, process.returncode, _whole(stdout), _whole(stderr))
    if result.exit_code != 0:
        raise failure(result)
    return result


def run_alone(argv: Sequence[str], *, env: Mapping[str, str], stdin: bytes, bounds: Bounds) -> Bounded:
    """Run a program that nobody vouches for: with these variables and none of this process's own, and within bounds.

    Whatever it has started is killed when it ends, or when its time or its output is over. `bounds.memory_bytes` is not looked
    at: the program must have been started so that it cannot have more. Raises `ToolMissing`.
    """
    pipe = subprocess.PIPE
    process = child.start(tuple(argv), None, stdin=pipe, stdout=pipe, stderr=pipe, only_env=env, holds_locks=False)
    try:
        with child.ended_with_command(process):
            return through_pipes(process.stdin, process.stdout, process.stderr, stdin, bounds)
    finally:
        child.signal_group(process, signal.SIGKILL)
        process.wait()


def failure(result: Result, *, secrets: Collection[str] = (), log: Path | None = None) -> ToolFailed:
    """The error that stands for a failed program, for callers that decide on the exit code themselves."""
    said = tail(result.stderr.strip() or result.stdout.strip())
    return ToolFailed(
        program=os.path.basename(result.argv[0]),
        status=result.exit_code,
        why=masked(said.splitlines()[-1] if said else "it said nothing", secrets),
        fix=f"see {log}" if log else None,
        command=pasteable(result.argv, secrets),
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


def spawn(argv: Sequence[str], *, log: Path, env: Environment | None = None) -> int:
    """Start a program that outlives this process (the engine, where no init system would start it); returns its process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        process = child.start(tuple(argv), env, stdout=file, stderr=subprocess.STDOUT, holds_locks=False)
    return process.pid


def _communicate(
    argv: tuple[str, ...],
    stdin: str | None,
    env: Environment | None,
    cwd: Path | None,
    timeout_s: float,
    secrets: Collection[str],
    output: IO[bytes] | None = None,
    log: Path | None = None,
) -> tuple[int, str, str]:
    pipe = subprocess.PIPE
    with cancel.current.held_back():  # no signal between the start of the program and the care for its end
        process = child.start(
            argv,
            env,
            cwd,
            stdin=subprocess.DEVNULL if stdin is None else pipe,
            stdout=output or pipe,
            stderr=subprocess.STDOUT if output else pipe,
        )
        with child.ended_with_command(process):
            try:
                stdout, stderr = process.communicate(None if stdin is None else stdin.encode(), timeout=timeout_s)
            except subprocess.TimeoutExpired:
                said = log.read_text(errors="replace") if log else _rest(process)
                raise _too_late(argv, timeout_s, secrets, said) from None
    return process.returncode, (stdout or b"").decode(errors="replace"), (stderr or b"").decode(errors="replace")


def _rest(process: subprocess.Popen[bytes]) -> str:
    """End a program that took too long; what it had said. A pipe may be open in what has left its process group."""
    child.end_group(process)
    try:
        stdout, stderr = process.communicate(timeout=child.END_GRACE_S)
    except subprocess.TimeoutExpired as late:
        stdout, stderr = late.stdout or b"", late.stderr or b""
    return (stderr or stdout).decode(errors="replace")


def _too_late(argv: tuple[str, ...], timeout_s: float, secrets: Collection[str] = (), said: str = "") -> ToolTimeout:
    command, detail = pasteable(argv, secrets), masked(tail(said), secrets)
    return ToolTimeout(program=os.path.basename(argv[0]), timeout_s=timeout_s, command=command, detail=detail)


@contextmanager
def _masking(file: IO[bytes], secrets: Collection[str]) -> Iterator[IO[bytes]]:
    """A file for a program's output, which goes on to `file` line by line, without the secrets. A pipe would break when this
    process is killed."""
    if not any(secrets):
        yield file
        return

    def write(line: str) -> None:
        file.write(f"{_masked_line(line, secrets)}\n".encode())
        file.flush()

    with tempfile.TemporaryFile() as output:
        has_ended = threading.Event()
        follower = threading.Thread(target=_follow, args=(output.fileno(), has_ended.is_set, write), name="log")
        follower.start()
        try:
            yield output
        finally:
            has_ended.set()
            follower.join()


def _masked_line(line: str, secrets: Collection[str]) -> str:
    """A secret of several lines, as a key is, comes line by line."""
    return masked(line, sorted({part for secret in secrets for part in secret.splitlines()}, key=len, reverse=True))


def _followed(process: subprocess.Popen[bytes], descriptor: int, on_line: Callable[[str], None]) -> Exception | None:
    """Hand on what is written until the program has ended; returns how the listener failed, after which it is not asked again
    and the program is asked to end."""
    broken: list[Exception] = []

    def heard(line: str) -> None:
        if not broken:
            try:
                on_line(line)
            except Exception as error:
                broken.append(error)
                child.ask_to_end(process)

    _follow(descriptor, lambda: process.poll() is not None, heard)
    return broken[0] if broken else None


def _follow(descriptor: int, has_ended: Callable[[], bool], on_line: Callable[[str], None]) -> None:
    """Hand on the lines of a file that another program writes, until that has ended, also when the command is cancelled."""
    position = 0  # of the first line that was not handed on; a position of one's own, for the file's is the program's
    while True:
        is_last = has_ended()  # before the read, so that nothing comes after the last one
        *lines, unfinished = os.pread(descriptor, os.fstat(descriptor).st_size - position, position).split(b"\n")
        for line in [*lines, unfinished] if is_last and unfinished else lines:
            position += len(line) + 1
            on_line(line.decode(errors="replace"))
        if is_last:
            return
        time.sleep(FOLLOW_EVERY_S)


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


@contextmanager
def beside(
    argv: Sequence[str], *, log: Path, env: Environment | None = None, ends: Callable[[], bool] = lambda: True
) -> Iterator[Callable[[], int | None]]:
    """A program that runs as long as the block does, its output in `log`; the value tells its exit code, or None while it runs.

    At the end of the block, if `ends` says so, it is asked to end by SIGTERM and waited for, so that what it keeps is written
    down; a signal does not reach it before. It does not hold the command's locks.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        process = child.start(tuple(argv), env, stdout=file, stderr=subprocess.STDOUT, holds_locks=False)
        try:
            yield process.poll
        finally:
            if process.poll() is None and ends():
                process.terminate()
                try:
                    process.wait(BESIDE_GRACE_S)
                except subprocess.TimeoutExpired:
                    child.end_group(process)
