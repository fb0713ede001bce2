"""Both readers of the stream of events: plain lines, and the live view of a terminal."""

from __future__ import annotations

import pytest

from kit.plan.events import StepEvent
from kit.plan.steps import Step
from kit.report import progress

STEP = Step("start", "store/redis", "no container yet")
EVENTS = [
    StepEvent(STEP, "started"),
    StepEvent(STEP, "waiting", 2.0, "connection refused"),
    StepEvent(STEP, "done", 3.0, "TLSv1.3"),
    StepEvent(Step("wait", "store/s3", ""), "skipped"),
]


@pytest.mark.parametrize("reader", [progress.Plain, progress.Live])
def test_what_ended_is_shown_with_its_time_and_note(reader, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    if reader is progress.Live:
        with progress.Live() as live:
            for event in EVENTS:
                live.listen(event)
    else:
        plain = progress.Plain()
        for event in EVENTS:
            plain.listen(event)
    said = capsys.readouterr().err
    assert "✓    3.0 s  start    store/redis         TLSv1.3" in said
    assert "-           wait     store/s3" in said


def test_plain_lines_of_one_step_grow_rarer(capsys: pytest.CaptureFixture[str]) -> None:
    """A build of minutes has something new to say each second; a log wants to know that it goes on."""
    plain = progress.Plain()
    for second in range(1, 601):
        plain.listen(StepEvent(STEP, "waiting", float(second), f"line {second}"))
    said = [int(line.rpartition(" ")[2]) for line in capsys.readouterr().err.splitlines()]
    assert said[:6] == [1, 3, 7, 15, 31, 61]
    assert len(said) < 30


def test_plain_lines_say_once_what_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    plain = progress.Plain()
    for elapsed_s in (1.5, 1.6, 2.7, 9.0):
        plain.listen(StepEvent(STEP, "waiting", elapsed_s, "connection refused"))
    assert capsys.readouterr().err.count("connection refused") == 1
