"""The one door to other programs: an argument list in, a frozen result out, secrets masked on the way to any text.

Nothing else in `kit` imports `subprocess`. There is no shell. A non-zero exit raises `ToolFailed` with a command line that
can be pasted, unless the caller says that it reads the exit code itself (`check=False`).
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
from kit.adapters.bounded import Bounded, Bounds, through_pipes
from kit.errors import ToolFailed, ToolMissing, ToolTimeout

OUTPUT_TAIL_LINES = 30
FOLLOW_EVERY_S = 0.05

END_GRACE_S = 5.0  # from SIGTERM to SIGKILL
BESIDE_GRACE_S = 30.0  # what runs beside writes down what it keeps

# What runs at this moment and may be ended: all but what is asked to end (terraform).
_running: set[subprocess.Popen[bytes]] = set()

# Descriptors that hold locks. Programs get them too, so that a lock is held until the last one of them has ended, even when this
# process is killed. What outlives the command on purpose does not get them.
_locks: set[int] = set()


Environment = Mapping[str, str | None]  # added to this process's own; None takes a variable away


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
    they come) and `Result.stdout` holds its last lines. The program gets a process group of its own, so that time-outs and
    signals end what it started as well. Raises `Cancelled` where the command was told to end before this program had ended well.
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
            process = _started(command, None, env, cwd, stdout=stdout, stderr=stderr)
            with cancel.current.calling(lambda: _ask(process)):
                broken = _follow(process, stdout.fileno(), lambda line: on_line(masked(line, secrets)))
        cancel.check()
        if broken is not None:
            raise broken
        return Result(command, process.returncode, _whole(stdout), _whole(stderr))


def feed(argv: Sequence[str], pieces: Iterable[bytes], *, env: Environment | None = None, timeout_s: float = 60) -> Result:
    """Run a program that reads `pieces` from its stdin as they come. Raises `ToolFailed` and `ToolTimeout`.

    When it ends before it has read them all, the rest stays where it is.
    """
    command = tuple(argv)
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = _started(command, b"", env, None, stdout=stdout, stderr=stderr)
        assert process.stdin is not None
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            _end_group(process)

        watch = threading.Timer(timeout_s, give_up)
        watch.start()
        try:
            with _ended_when_cancelled(process):
                with suppress(BrokenPipeError):
                    for piece in pieces:
                        process.stdin.write(piece)
                with suppress(BrokenPipeError):
                    process.stdin.close()
                process.wait()
        finally:
            watch.cancel()
        if is_late.is_set():
            raise _too_late(command, timeout_s)
        result = Result(command, process.returncode, _whole(stdout), _whole(stderr))
    if result.exit_code != 0:
        raise failure(result)
    return result


def run_alone(argv: Sequence[str], *, env: Mapping[str, str], stdin: bytes, bounds: Bounds) -> Bounded:
    """Run a program that nobody vouches for: with these variables and none of this process's own, and within bounds.

    Whatever it has started is killed when it ends, or when its time or its output is over. `bounds.memory_bytes` is not looked
    at: the program must have been started so that it cannot have more. Raises `ToolMissing`.
    """
    process = _started(tuple(argv), b"", None, None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, only_env=env)
    try:
        with _ended_when_cancelled(process):
            return through_pipes(process.stdin, process.stdout, process.stderr, stdin, bounds)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


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
    """End every program that runs through this door at this moment, but for those of `stream`; their callers get `ToolFailed`."""
    for process in tuple(_running):
        _end_group(process)


@contextmanager
def inherited(descriptor: int) -> Iterator[None]:
    """Programs that are started in the block get this descriptor of a lock: the lock is free when the last of them has ended."""
    _locks.add(descriptor)
    try:
        yield
    finally:
        _locks.discard(descriptor)


def spawn(argv: Sequence[str], *, log: Path, env: Environment | None = None) -> int:
    """Start a program that outlives this process (the engine, where no init system would start it); returns its process id."""
    cancel.check()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        process = subprocess.Popen(
            tuple(argv),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=_complete(env),
            start_new_session=True,
            close_fds=True,
        )
    return process.pid


def _communicate(
    argv: tuple[str, ...],
    stdin: str | None,
    env: Environment | None,
    cwd: Path | None,
    timeout_s: float,
    secrets: Collection[str],
    output: IO[bytes] | None,
) -> tuple[int, str, str]:
    with cancel.current.held_back():  # no signal between the start of the program and the care for its end
        process = _started(
            argv, stdin, env, cwd, stdout=output or subprocess.PIPE, stderr=subprocess.STDOUT if output else subprocess.PIPE
        )
        with _ended_when_cancelled(process):
            try:
                stdout, stderr = process.communicate(None if stdin is None else stdin.encode(), timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise _too_late(argv, timeout_s, secrets) from None
    return process.returncode, (stdout or b"").decode(errors="replace"), (stderr or b"").decode(errors="replace")


def _too_late(argv: tuple[str, ...], timeout_s: float, secrets: Collection[str] = ()) -> ToolTimeout:
    return ToolTimeout(
        what=f"{os.path.basename(argv[0])} did not end within {timeout_s:.0f} s",
        why="it was stopped, with everything it had started",
        fix=f"run it by hand to see what it waits for: {pasteable(argv, secrets)}",
    )


def _started(
    argv: tuple[str, ...],
    stdin: str | bytes | None,
    env: Environment | None,
    cwd: Path | None,
    *,
    stdout: IO[bytes] | int,
    stderr: IO[bytes] | int,
    only_env: Mapping[str, str] | None = None,
    locks: Collection[int] | None = None,
) -> subprocess.Popen[bytes]:
    """Raises `ToolMissing`, and `Cancelled`: once the command was told to end, no program is started."""
    cancel.check()
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            env=_complete(env) if only_env is None else dict(only_env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(_locks if locks is None else locks),
        )
    except FileNotFoundError as missing:
        raise ToolMissing(
            what=f"{argv[0]} not found",
            why="it is neither on PATH nor in kit's cache" if cwd is None or cwd.exists() else f"{cwd} does not exist",
            fix="kit setup",
        ) from missing


def _complete(env: Environment | None) -> dict[str, str] | None:
    """None leaves the environment to the system, which hands on this process's own."""
    if not env:
        return None
    return {name: value for name, value in {**os.environ, **env}.items() if value is not None}


def _follow(process: subprocess.Popen[bytes], descriptor: int, on_line: Callable[[str], None]) -> Exception | None:
    """Hand on what is written until the program has ended; returns how the listener failed, after which it is not asked again."""
    position = 0  # of the first line that was not handed on; a position of one's own, for the file's is the program's
    broken: Exception | None = None
    while True:
        has_ended = process.poll() is not None  # before the read, so that nothing comes after the last one
        *lines, unfinished = os.pread(descriptor, os.fstat(descriptor).st_size - position, position).split(b"\n")
        for line in [*lines, unfinished] if has_ended and unfinished else lines:
            position += len(line) + 1
            if broken is None:
                try:
                    on_line(line.decode(errors="replace"))
                except Exception as error:
                    broken = error
                    _ask(process)
        if has_ended:
            return broken
        time.sleep(FOLLOW_EVERY_S)  # also when cancelled: the program ends in its own time


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _ask(process: subprocess.Popen[bytes]) -> None:
    """The program alone, not its group: terraform tells its plugins itself, and in its own order."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)


@contextmanager
def _ended_when_cancelled(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever happens in the block ends the program: a signal to this process, or an error. Raises `Cancelled` after the former,
    unless the program had done its work."""
    kills: list[threading.Timer] = []

    def end() -> None:
        _signal_group(process, signal.SIGTERM)
        kills.append(threading.Timer(END_GRACE_S, _signal_group, (process, signal.SIGKILL)))
        kills[-1].start()

    _running.add(process)
    try:
        with cancel.current.calling(end):
            yield
    except BaseException:
        _end_group(process)
        raise
    finally:
        _running.discard(process)
        for kill in kills:
            kill.cancel()
    if process.returncode != 0:
        cancel.check()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        os.killpg(process.pid, number)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_GRACE_S)
    _signal_group(process, signal.SIGKILL)  # what it has started, and did not end
    process.wait()


@contextmanager
def beside(argv: Sequence[str], *, log: Path, env: Environment | None = None) -> Iterator[Callable[[], int | None]]:
    """A program that runs as long as the block does, its output in `log`; the value tells its exit code, or None while it runs.

    It is asked to end by SIGTERM and waited for, so that what it keeps is written down; a signal does not reach it before. It
    does not hold the command's lock.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        process = _started(tuple(argv), None, env, None, stdout=file, stderr=subprocess.STDOUT, locks=())
        try:
            yield process.poll
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(BESIDE_GRACE_S)
            except subprocess.TimeoutExpired:
                _end_group(process)
