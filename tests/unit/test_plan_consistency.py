"""Wherever `kit up` is killed, the next one comes to the same end, and the one after it has nothing to do.

Every situation of tests/plans is carried out on a model of a stack. What a killed kit may leave behind is every set of steps that
`needs` allow to be done first (steps that do not need each other come to the same state in either order, which is asserted), and
within each next step every lasting effect that is done before its marker is written. Where a situation has more than `LIMIT` such
sets, orders are drawn at random by a fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kit.plan import stack
from kit.plan.stack import Desired, Observed
from kit.plan.steps import Plan
from kit.sentry.release import SentryRelease
from kit.targets.local import apply, site
from tests.support import stack_model, stack_steps
from tests.support.stack_model import StackModel, facts
from tests.support.stack_steps import StepFailed, carry_out

PLANS = sorted((Path(__file__).parents[1] / "plans").glob("*.yaml"))
LIMIT = 400
ORDERS = 12
AGAIN = 4
TOGETHER = 12
SUPPLY = "supply images"


def model_of(path: Path) -> StackModel:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return stack_model.situation(msgspec.convert(document["desired"], Desired), msgspec.convert(document["observed"], Observed))


def left_behind(model: StackModel) -> Iterator[tuple[str, StackModel]]:
    """Where a `kit up` may be killed, in words, and what it leaves."""
    plan = model.plan()
    if first := stack.first(plan):
        for step in first:
            yield f"before {step.id}", model
            states = carry_out(model, step)
            yield from ((f"within {step.id}", state) for state in states[:-1])
            model = states[-1]
        plan = model.plan_after(first)
    yield "before everything", model
    sets = list(every_set(plan))
    if len(sets) <= LIMIT:
        yield from after_each_set(model, plan, sets)
    else:
        yield from after_each_prefix(model, plan)


def every_set(plan: Plan) -> Iterator[frozenset[str]]:
    """Sets of steps that hold what their members need, the smaller ones first; ends soon after more than `LIMIT`."""
    level, count = {frozenset[str]()}, 0
    while level:
        yield from level
        count += len(level)
        if count > LIMIT:
            return
        level = {done | {step.id} for done in level for step in plan if step.id not in done and done.issuperset(step.needs)}


def after_each_set(model: StackModel, plan: Plan, sets: list[frozenset[str]]) -> Iterator[tuple[str, StackModel]]:
    reached = {frozenset[str](): model}
    for done in sets:
        for step in plan:
            if step.id not in done and done.issuperset(step.needs):
                states = carry_out(reached[done], step)
                yield from ((f"{words(done)} and within {step.id}", state) for state in states[:-1])
                together = done | {step.id}
                assert reached.setdefault(together, states[-1]) == states[-1], f"the order matters: {words(together)}"
                yield words(together), states[-1]


def after_each_prefix(model: StackModel, plan: Plan) -> Iterator[tuple[str, StackModel]]:
    draw = random.Random(11)
    for _ in range(ORDERS):
        state, done = model, frozenset[str]()
        while enabled := [step for step in plan if step.id not in done and done.issuperset(step.needs)]:
            step = draw.choice(enabled)
            states = carry_out(state, step)
            yield from ((f"{words(done)} and within {step.id}", each) for each in states[:-1])
            state, done = states[-1], done | {step.id}
            yield words(done), state


def words(done: frozenset[str]) -> str:
    return f"after {', '.join(sorted(done)) or 'nothing'}"


def up(model: StackModel) -> StackModel:
    """`kit up`, undisturbed."""
    plan = model.plan()
    if first := stack.first(plan):
        for step in first:
            model = carry_out(model, step)[-1]
        plan = model.plan_after(first)
    for step in plan:
        model = carry_out(model, step)[-1]
    return model


def complaints(where: str, model: StackModel, end: StackModel) -> Iterator[str]:
    """What differs once the next `kit up` is through."""
    try:
        reached = up(model)
    except StepFailed as failed:
        yield f"killed {where}: the next `kit up` fails: {failed}"
        return
    wanted, found = facts(end), facts(reached)
    for fact in wanted:
        if wanted[fact] != found.get(fact):
            yield f"killed {where}: {fact}: {found.get(fact)} instead of {wanted[fact]}"
    yield from (f"killed {where}: still planned after the next `kit up`: {step.id} ({step.cause})" for step in reached.plan())


def shown(found: list[str]) -> str:
    return f"{len(found)} complaints; the shortest:\n" + "\n".join(sorted(set(found), key=len)[:12])


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_killed_anywhere_the_next_up_comes_to_the_same_end(path: Path) -> None:
    model = model_of(path)
    end = up(model)
    assert [step.id for step in end.plan()] == [], "the second `kit up` has something to do"
    found: list[str] = []
    for where, left in left_behind(model):
        found += complaints(where, left, end)
        found += complaints(f"{where}, and seen when all has come up", left.come_up(), end)
    assert not found, shown(found)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_killed_twice_it_comes_to_that_end_as_well(path: Path) -> None:
    """Of the first kill a few, drawn by a fixed seed; of the second one every."""
    model, draw = model_of(path), random.Random(7)
    end, first = up(model), list(left_behind(model))
    found: list[str] = []
    for where, left in draw.sample(first, min(AGAIN, len(first))):
        for again, left_again in left_behind(left):
            found += complaints(f"{where}, and again {again}", left_again, end)
    assert not found, shown(found)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_killed_within_two_steps_that_run_at_the_same_time_it_comes_to_that_end_as_well(path: Path) -> None:
    """After a few sets of steps, drawn by a fixed seed."""
    model, draw = model_of(path), random.Random(5)
    end = up(model)
    first = stack.first(model.plan())
    for step in first:
        model = carry_out(model, step)[-1]
    plan = model.plan_after(first)
    sets = list(every_set(plan))
    found: list[str] = []
    for done in draw.sample(sets, min(TOGETHER, len(sets))):
        state = model
        for step in plan:
            state = carry_out(state, step)[-1] if step.id in done else state
        enabled = [step for step in plan if step.id not in done and done.issuperset(step.needs)]
        for one, other in combinations(enabled, 2):
            for within in carry_out(state, one)[:-1]:
                for left in carry_out(within, other)[:-1]:
                    found += complaints(f"{words(done)} and within {one.id} and {other.id}", left, end)
    assert not found, shown(found)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_lost_or_damaged_marker_costs_work_and_nothing_else(path: Path) -> None:
    end = up(model_of(path))
    found: list[str] = []
    for lost in (*end.marks, None):
        without = end.forget(lost) if lost else replace(end, marks={})
        found += complaints(f"and {lost or 'every marker'} lost", without, end)
        if lost and not lost.startswith("format/"):  # a line that this kit does not know may be a later one's
            found += complaints(f"and {lost} damaged", end.mark(lost, "?"), end)
    assert not found, shown(found)


def test_the_model_knows_each_kind_of_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "release", SentryRelease)
    assert set(apply.actions(None)) == set(stack_steps.ACTIONS) - {SUPPLY}  # type: ignore[arg-type]
