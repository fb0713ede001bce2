"""Carrying out a plan: order, parallelism, and that nothing runs on behind the user's back."""

from __future__ import annotations

import threading

import pytest

from kit.plan.events import StepEvent
from kit.plan.execute import execute
from kit.plan.steps import Step

A, B, C = Step("do", "a", "first"), Step("do", "b", "beside"), Step("do", "c", "after both", ("do a", "do b"))
KINDS = ("do a", "do b", "do c")


def run(plan: tuple[Step, ...], act) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    events: list[StepEvent] = []
    try:
        execute(plan, dict.fromkeys(KINDS, act), events.append)
    finally:
        said = [(event.state, event.step.subject) for event in events]
    return said


def test_what_needs_comes_after_what_is_needed() -> None:
    said = run((C, B, A), lambda step, note: None)
    assert said.index(("started", "c")) > max(said.index(("done", "a")), said.index(("done", "b")))


def test_independent_steps_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)
    run((A, B), lambda step, note: str(meeting.wait()))  # would break if one waited for the other to end


def test_a_failure_is_raised_only_after_running_steps_have_ended() -> None:
    failed, ended = threading.Event(), threading.Event()

    def act(step: Step, note: object) -> None:
        if step is A:
            failed.set()
            raise RuntimeError("no")
        failed.wait(10)
        ended.set()

    events: list[StepEvent] = []
    with pytest.raises(RuntimeError, match="no"):
        execute((A, B, C), dict.fromkeys(KINDS, act), events.append)
    assert ended.is_set()
    assert ("skipped", "c") in [(event.state, event.step.subject) for event in events]


def test_a_cycle_is_an_error_not_a_hang() -> None:
    with pytest.raises(ValueError, match="cycle"):
        execute(
            (Step("do", "a", "", ("do b",)), Step("do", "b", "", ("do a",))), dict.fromkeys(KINDS, lambda step, note: None), print
        )


def test_what_a_step_waits_for_is_heard() -> None:
    events: list[StepEvent] = []
    execute((A,), {"do a": lambda step, note: note("the moon")}, events.append)
    assert [event.note for event in events if event.state == "waiting"] == ["the moon"]
