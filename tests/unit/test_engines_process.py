"""The one door to other programs: results, failures that can be pasted, and secrets that reach neither."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from kit.engines import process
from kit.errors import ToolFailed, ToolMissing, ToolTimeout


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_and_exit_code_come_back() -> None:
    result = process.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), check=False)
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")


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
    with pytest.raises(ToolMissing, match="no-such-program not found"):
        process.run(["no-such-program"])


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(alive)!r}).touch()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(ToolTimeout):
        process.run(python(parent), timeout_s=0.5)
    threading.Event().wait(1.5)
    assert not alive.exists()


def test_everything_that_runs_can_be_ended_at_once() -> None:
    failures: list[Exception] = []

    def work() -> None:
        try:
            process.run(python("import time; time.sleep(60)"))
        except ToolFailed as error:
            failures.append(error)

    worker = threading.Thread(target=work)
    began = time.monotonic()
    worker.start()
    while worker.is_alive() and time.monotonic() - began < 30:
        process.end_all()
        worker.join(0.05)
    assert len(failures) == 1


def test_a_log_keeps_the_command_and_what_it_said(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    process.run(python("print('built')"), log=log)
    assert log.read_text().startswith("$ ")
    assert log.read_text().endswith("built\n")
