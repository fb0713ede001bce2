"""What happens to a command when nobody reads what it says: real processes, with pipes whose reader has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# `kit` itself, with a command that runs three steps, one after the other, and then prints its result. After the first line of
# progress it waits until the reader of that line has gone.
UP = """
import sys, time
from pathlib import Path
import click
from kit.cli import app
from kit.plan.execute import execute
from kit.plan.steps import Step
from kit.report import progress

folder = Path(sys.argv.pop(1))
app.COMMANDS["three"] = ("three", "")
sys.modules["kit.cli.three"] = three = type(sys)("three")

def act(step, note):
    while not (folder / "gone").exists():
        time.sleep(0.01)
    (folder / step.name).touch()

@click.command("three")
def command():
    first = Step("do", "x/first", "")
    second = Step("do", "x/second", "", (first.id,))
    third = Step("do", "x/third", "", (second.id,))
    with progress.listener() as listen:
        execute((first, second, third), {step.kind: act for step in (first, second, third)}, listen)
    print("result", file=sys.stderr)
    print("result")

three.command = command
app.main()
"""


def kit(*argv: str, **settings: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *argv], cwd=ROOT, **settings)


def test_a_plan_goes_on_when_nobody_reads_its_progress(tmp_path: Path) -> None:
    """`kit up 2>&1 | head -1`: all of it is done, and the shell learns that the result was not read."""
    reader, writer = os.pipe()
    command = kit("-c", UP, str(tmp_path), "three", stdout=writer, stderr=writer)
    os.close(writer)
    assert os.read(reader, 1)
    os.close(reader)
    (tmp_path / "gone").touch()
    assert command.wait(60) == 141
    assert all((tmp_path / name).exists() for name in ("first", "second", "third"))


def test_a_command_whose_progress_nobody_reads_prints_its_result(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    command = kit("-c", UP, str(tmp_path), "three", stdout=subprocess.PIPE, stderr=writer)
    os.close(writer)
    os.close(reader)
    (tmp_path / "gone").touch()
    assert command.communicate(timeout=60)[0] == b"result\n"
    assert command.returncode == 0


@pytest.mark.parametrize("argv", [("--version",), ("--help",), ("status", "--mistyped", "-o", "json"), ("yandex", "coverage")])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_output_that_nobody_reads_ends_the_command_as_it_ends_others(
    argv: tuple[str, ...], buffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it comes at once, at the end, or is an error."""
    monkeypatch.setenv("PYTHONUNBUFFERED", buffered)
    reader, writer = os.pipe()
    os.close(reader)
    command = kit("-m", "kit", *argv, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    said = command.communicate(timeout=60)[1].decode()
    assert command.returncode == 141
    assert "Traceback" not in said
    assert "Broken" not in said


def test_a_broken_connection_to_someone_else_is_an_error_in_words() -> None:
    broken = UP.replace('print("result")', 'raise BrokenPipeError(32, "Broken pipe")').replace("while not", "while False and not")
    command = kit("-c", broken, str(ROOT / "no such folder"), "three", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = command.communicate(timeout=60)[1].decode()
    assert command.returncode not in (0, 141)
    assert "✗" in said


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_stream_that_was_closed_from_the_start_is_none_that_failed(closed: str) -> None:
    argv = ["sh", "-c", f"exec {sys.executable} -m kit --version {closed}"]
    command = subprocess.run(argv, cwd=ROOT, capture_output=True, check=False)
    assert command.returncode == 0
    assert not command.stderr
