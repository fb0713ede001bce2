"""The plan is a text, and the text is the test: one file per situation in tests/plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kit.plan import stack
from kit.report import plan as plans

PLANS = Path(__file__).parents[1] / "plans"


def situation(document: dict[str, Any]) -> tuple[stack.Desired, stack.Observed]:
    return (
        msgspec.convert(document["desired"], stack.Desired),
        msgspec.convert(document["observed"], stack.Observed),
    )


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.yaml")), ids=lambda path: path.stem)
def test_plan_reads_as_written(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert plans.text(stack.plan(*situation(document))) == document["plan"]


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_need_comes_earlier_in_the_plan(path: Path) -> None:
    plan = stack.plan(*situation(yaml.safe_load(path.read_text())))
    seen: set[str] = set()
    for step in plan:
        assert seen.issuperset(step.needs), step
        seen.add(step.id)
