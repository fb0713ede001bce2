"""The emulator that a rehearsal starts ends with the last command that uses it, whatever becomes of those: real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.program import ROOT, Program

PATIENCE_S = 90.0
pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux shows whose process is whose")

# A command that rehearses, without a container behind. `orphan` starts a program as terraform is started, which goes on when this
# process is killed.
COMMAND = """
import sys, threading, time
from pathlib import Path
from kit import cancel
from kit.adapters import process
from kit.host import places
from kit.targets.cloud import rehearsal
from kit.targets.cloud.place import Place

folder, name, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
until = f'''
import pathlib, time
pathlib.Path({str(folder / name)!r}).touch()
while not pathlib.Path({str(folder / name)!r} + " may end").exists(): time.sleep(0.01)
'''
with cancel.current.listening(), rehearsal.emulated(Place(places.find("cloud"), True), "--control-plane-only"):
    if kind == "orphan":
        process.stream([sys.executable, "-c", until], on_line=print)
    else:
        exec(until)
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, "cloud")


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(program: Program, tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, kind: str = "plain") -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", COMMAND, str(tmp_path), name, kind]
        started.append(subprocess.Popen(argv, cwd=ROOT, env=program.environment()))
        _until(lambda: (tmp_path / name).exists() or started[-1].poll() is not None)
        assert started[-1].poll() is None
        return started[-1]

    yield start
    for name in ("one", "two"):
        (tmp_path / f"{name} may end").touch()
    for each in started:
        each.kill()
        each.wait()
    _until(lambda: not _emulators(tmp_path))


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def _emulators(home: Path) -> list[int]:
    """The processes of emulators that were started in this home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            is_here = os.fsencode(str(home)) in (folder / "environ").read_bytes()
        except OSError:
            continue
        if is_here and b"emulate" in words:
            found.append(int(folder.name))
    return found


def _answers(program: Program) -> bool:
    return program("yandex", "env", "--provider", "registry").exit_code == 0


def test_a_killed_rehearsal_leaves_no_emulator(program: Program, start: Start, tmp_path: Path) -> None:
    command = start("one")
    assert _answers(program)
    command.kill()
    _until(lambda: not _emulators(tmp_path))
    assert not _answers(program)


def test_the_emulator_of_a_killed_rehearsal_goes_on_for_another_command(program: Program, start: Start, tmp_path: Path) -> None:
    first, second = start("one"), start("two")
    first.kill()
    first.wait()
    assert _answers(program)
    (tmp_path / "two may end").touch()
    assert second.wait(PATIENCE_S) == 0
    _until(lambda: not _emulators(tmp_path))


def test_a_rehearsal_that_ends_leaves_its_emulator_to_another_command(program: Program, start: Start, tmp_path: Path) -> None:
    first, second = start("one"), start("two")
    (tmp_path / "one may end").touch()
    assert first.wait(PATIENCE_S) == 0
    assert _answers(program)
    (tmp_path / "two may end").touch()
    assert second.wait(PATIENCE_S) == 0
    _until(lambda: not _emulators(tmp_path))


def test_the_last_command_waits_for_the_end_of_its_emulator(program: Program, start: Start, tmp_path: Path) -> None:
    command = start("one")
    (tmp_path / "one may end").touch()
    assert command.wait(PATIENCE_S) == 0
    assert not _emulators(tmp_path)


def test_terraform_that_outlives_its_command_keeps_the_emulator(program: Program, start: Start, tmp_path: Path) -> None:
    command = start("one", "orphan")
    command.kill()
    command.wait()
    assert _answers(program)
    (tmp_path / "one may end").touch()
    _until(lambda: not _emulators(tmp_path))


def test_an_emulator_that_nobody_uses_ends_by_itself(program: Program) -> None:
    assert program("yandex", "emulate", "--control-plane-only", "--while-used").exit_code == 0
