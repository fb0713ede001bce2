"""The one door to other programs: results, failures that can be pasted, and secrets that reach neither."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.adapters import child, process
from kit.adapters.bounded import Bounds
from kit.errors import ToolFailed, ToolMissing, ToolTimeout, ToolUnusable

ROOT = Path(__file__).parents[2]


def waited_for(path: Path) -> bool:
    until = time.monotonic() + 30
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return path.exists()


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_and_exit_code_come_back() -> None:
    result = process.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), check=False)
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_an_environment_is_added_to_and_taken_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_ENV_GONE", "x")
    monkeypatch.setenv("KIT_ENV_KEPT", "y")
    code = "import os; print(sorted(name for name in os.environ if name.startswith('KIT_ENV_')))"
    said = process.run(python(code), env={"KIT_ENV_GONE": None, "KIT_ENV_NEW": "z"}).stdout
    assert said == "['KIT_ENV_KEPT', 'KIT_ENV_NEW']\n"


def test_a_failure_carries_a_pasteable_command_and_the_last_words() -> None:
    with pytest.raises(ToolFailed) as caught:
        process.run(python("import sys; sys.exit('no such thing')"))
    assert caught.value.why == "no such thing"
    assert "sys.exit('\"'\"'no such thing'\"'\"')" in caught.value.detail


def test_a_secret_reaches_no_text_of_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        process.run(python("import sys; sys.exit('password hunter2 refused')"), secrets=("hunter2",))
    said = caught.value
    assert "hunter2" not in f"{said.what} {said.why} {said.fix} {said.detail}"
    assert "***" in said.why


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ToolMissing, match="no-such-program not found") as missing:
        process.run(["no-such-program"])
    assert "install no-such-program" in missing.value.fix


def test_a_program_that_was_removed_from_the_cache_is_had_by_the_same_command(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing) as gone:
        process.run([str(tmp_path / "bin" / "helm")])
    assert gone.value.code == "KIT-TOOL-GONE"
    assert "the same command again" in gone.value.fix


def test_a_folder_that_is_not_there_is_not_taken_for_the_program(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing) as gone:
        process.run(["true"], cwd=tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in gone.value.why


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(alive)!r}).touch()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(ToolTimeout):
        process.run(python(parent), timeout_s=0.5)
    threading.Event().wait(1.5)
    assert not alive.exists()


def test_what_one_thread_runs_can_be_ended_and_what_another_runs_goes_on(tmp_path: Path) -> None:
    failures: list[Exception] = []
    may_end = tmp_path / "may end"
    code = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)"

    def work() -> None:
        try:
            process.run([*python(code), str(may_end)])
        except ToolFailed as error:
            failures.append(error)

    ended, other = threading.Thread(target=work), threading.Thread(target=work)
    began = time.monotonic()
    ended.start()
    other.start()
    while ended.is_alive() and time.monotonic() - began < 30:
        child.end_those_of(ended.ident or 0)
        ended.join(0.05)
    assert len(failures) == 1
    may_end.touch()
    other.join(30)
    assert len(failures) == 1


def test_a_log_keeps_the_command_and_what_it_said(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    process.run(python("print('built')"), log=log)
    assert log.read_text().startswith("$ ")
    assert log.read_text().endswith("built\n")


def test_a_stream_is_heard_line_by_line_while_it_runs(tmp_path: Path) -> None:
    """The program waits for a file that only whoever hears its first line makes."""
    heard = tmp_path / "heard"
    code = f"""
import pathlib, time
print("first hunter2", flush=True)
while not pathlib.Path({str(heard)!r}).exists(): time.sleep(0.01)
print("second", end="\\r")
print()
print("no end of line", end="")
raise SystemExit(2)
"""
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        heard.touch()

    result = process.stream(python(code), on_line=on_line, secrets=("hunter2",))
    assert lines == ["first ***", "second\r", "no end of line"]
    assert (result.exit_code, result.stdout) == (2, "first hunter2\nsecond\r\nno end of line")


# Ends by itself when it is asked, but takes longer about it than a program has that is merely ended; says how often it was asked.
RELUCTANT = """
import signal, sys, time
asked = 0
def on_signal(*_):
    global asked
    asked += 1
signal.signal(signal.SIGINT, on_signal)
print("ready", flush=True)
while not asked: time.sleep(0.01)
time.sleep(0.5)
print(f"asked {asked} times, and done", flush=True)
"""


def test_a_program_outlives_a_kit_that_is_killed(tmp_path: Path) -> None:
    """It goes on saying things to nobody; into a broken pipe that would be its end, and what it holds stays locked."""
    ready, done = tmp_path / "ready", tmp_path / "done"
    program = f"""
import pathlib, time
pathlib.Path({str(ready)!r}).touch()
for number in range(30):
    print("still here", number, flush=True)
    time.sleep(0.05)
pathlib.Path({str(done)!r}).touch()
"""
    kit = f"from kit.adapters import process; process.stream([{sys.executable!r}, '-c', {program!r}], on_line=print)"
    parent = subprocess.Popen(python(kit), cwd=ROOT, stdout=subprocess.DEVNULL)
    assert waited_for(ready)
    parent.kill()
    parent.wait()
    assert waited_for(done)


def test_a_listener_that_fails_ends_the_program_before_its_failure_is_told() -> None:
    def on_line(line: str) -> None:
        raise ValueError(line)

    with pytest.raises(ValueError, match="ready"):
        process.stream(python(RELUCTANT), on_line=on_line)


def test_what_is_fed_arrives_piece_by_piece() -> None:
    result = process.feed(python("import sys; print(len(sys.stdin.buffer.read()))"), (b"x" * 100_000 for _ in range(20)))
    assert result.stdout == "2000000\n"


def test_a_fed_program_that_ends_early_is_told_by_its_own_words() -> None:
    code = "import sys; sys.stdin.buffer.read(1); print('no room', file=sys.stderr); sys.exit(4)"
    with pytest.raises(ToolFailed) as failed:
        process.feed(python(code), (b"x" * 1_000_000 for _ in range(50)))
    assert "exit code 4" in failed.value.what
    assert failed.value.why == "no room"


def test_a_fed_program_that_never_reads_is_ended() -> None:
    with pytest.raises(ToolTimeout):
        process.feed(python("import time; time.sleep(600)"), (b"x" * 1_000_000 for _ in range(50)), timeout_s=0.5)


def test_what_fails_while_it_is_read_ends_the_fed_program(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("the engine hung up")

    ended = tmp_path / "ended"
    code = f"import sys, pathlib; sys.stdin.buffer.read(); pathlib.Path({str(ended)!r}).touch()"
    with pytest.raises(ValueError, match="hung up"):
        process.feed(python(code), pieces())
    assert not ended.exists()


# Says something and goes on for ever.
TALKS = "print('waiting for hunter2', flush=True); import time; time.sleep(3600)"


def test_what_a_program_said_is_kept_when_it_takes_too_long(tmp_path: Path) -> None:
    with pytest.raises(ToolTimeout) as late:
        process.run(python(TALKS), timeout_s=1, secrets=("hunter2",))
    assert late.value.detail == "waiting for ***"
    with pytest.raises(ToolTimeout) as late:
        process.run(python(TALKS), timeout_s=1, secrets=("hunter2",), log=tmp_path / "log")
    assert late.value.detail.endswith("waiting for ***")
    with pytest.raises(ToolTimeout) as late:
        process.feed(python(TALKS), (), timeout_s=1)
    assert late.value.detail == "waiting for hunter2"


def test_a_log_holds_no_secret_and_what_comes_is_in_it_at_once(tmp_path: Path) -> None:
    """The program waits until its first line is in the log."""
    log, key = tmp_path / "log", "line one\nline two"
    code = f"""
import pathlib, time
print("password hunter2", flush=True)
while "password ***" not in pathlib.Path({str(log)!r}).read_text(): time.sleep(0.01)
print({key!r}, "end")
"""
    result = process.run(python(code), log=log, secrets=("hunter2", key), timeout_s=30)
    assert log.read_text().splitlines()[-3:] == ["password ***", "***", "*** end"]
    assert "hunter2" not in result.stdout + log.read_text()


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (b"\x7fELF\x02\x01\x01 and no more", 0o755, "written in part, or is for another platform"),
        (b"#!/bin/sh\n", 0o644, "may not be executed"),
    ],
)
def test_a_program_that_the_kernel_does_not_start_is_told_in_words(tmp_path: Path, content: bytes, mode: int, why: str) -> None:
    program = tmp_path / "kind"
    program.write_bytes(content)
    program.chmod(mode)
    with pytest.raises(ToolUnusable) as refused:
        process.run([str(program)])
    assert refused.value.what == f"{program} cannot be started"
    assert why in refused.value.why
    assert str(program) in refused.value.fix


def test_a_stream_that_comes_no_further_does_not_hold_what_reads_it_past_its_time() -> None:
    """An engine that says nothing more, in the middle of what it saves."""
    stuck, came_further = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"x"
        stuck.wait(30)
        came_further.set()

    try:
        with pytest.raises(ToolTimeout):
            process.feed(python("import sys; sys.stdin.buffer.read()"), pieces(), timeout_s=0.5)
        assert not came_further.is_set()
    finally:
        stuck.set()


def test_a_program_that_is_ended_leaves_no_open_pipe() -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux shows a process's descriptors")
    kept = []  # as a traceback keeps the process that it is about
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(ToolTimeout) as late:
            process.run(python(TALKS), timeout_s=0.2, stdin="x")
        kept.append(late)
    assert len(os.listdir("/proc/self/fd")) <= before  # those of an earlier test may be closed meanwhile


def test_a_program_that_nobody_vouches_for_gets_no_lock_of_this_process(tmp_path: Path) -> None:
    code = """
import os
places = {name: os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
print([name for name, place in places.items() if os.path.basename(place) == "the-lock"])
"""
    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux shows a process's descriptors")
    with (tmp_path / "the-lock").open("w") as file, child.inherited(file.fileno()):
        assert process.run(python(code)).stdout == f"['{file.fileno()}']\n"
        alone = process.run_alone(python(code), env={}, stdin=b"", bounds=Bounds(30, 1000, 0))
    assert alone.stdout == b"[]\n"
