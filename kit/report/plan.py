"""A plan as the text that `kit up --plan` prints, and as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.plan.steps import Plan, Step
from kit.report.table import columns


def document(plan: Plan) -> list[dict[str, Any]]:
    return [{"step": step.id, "after": list(step.needs), "cause": step.cause, "destructive": step.destructive} for step in plan]


def text(plan: Plan) -> str:
    """Number, verb, subject, the numbers it comes after, cause."""
    if not plan:
        return "nothing to do\n"
    numbers = {step.id: number for number, step in enumerate(plan, start=1)}
    digits = len(str(len(plan)))
    rows = [(f"{numbers[each.id]:>{digits}}", each.verb, each.subject, _after(each, numbers), _cause(each)) for each in plan]
    return columns(rows, indent=2)


def _cause(step: Step) -> str:
    return step.cause + ("  (destroys data)" if step.destructive else "")


def _after(step: Step, numbers: Mapping[str, int]) -> str:
    if not step.needs:
        return ""
    return "after " + " ".join(str(number) for number in sorted(numbers[need] for need in step.needs))
