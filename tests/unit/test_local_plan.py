"""What comes before the plan itself: a cluster is recovered first, and made again only where that was in vain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kit.plan.steps import Plan, Step
from kit.targets.local import plan as planned
from kit.targets.local.cluster import StaysSilent

RECOVER = Step("recover", "cluster", "its API does not answer")
DELETE = Step("delete", "cluster", "its API does not answer", destructive=True)


class Up:
    """A `kit up` whose looks and actions are given; it remembers what was asked, and what was done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, in_vain: bool) -> None:
        self.in_vain, self.done, self.asked, self.patience = in_vain, list[str](), list[Plan](), list[bool]()
        monkeypatch.setattr(planned, "_observe_and_plan", self.look)
        monkeypatch.setattr(planned, "remember", lambda local: None)
        monkeypatch.setattr(planned, "supplier", lambda local, listen: None)
        monkeypatch.setattr(planned, "actions", lambda local: {step.kind: self.carry_out for step in (RECOVER, DELETE)})
        local: Any = SimpleNamespace(stack=SimpleNamespace(parts=("cluster",)))
        planned.carry_out(local, lambda event: None, self.asked.append)

    def look(self, local: Any, *, is_patient: bool = True) -> tuple[Any, Plan]:
        self.patience.append(is_patient)
        return local, (RECOVER,) if len(self.patience) == 1 else () if is_patient else (DELETE,)

    def carry_out(self, step: Step, note: object) -> None:
        self.done.append(step.id)
        if step == RECOVER and self.in_vain:
            raise StaysSilent(node="kit-control-plane", why=step.cause)


def test_a_cluster_that_was_recovered_is_looked_at_with_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    up = Up(monkeypatch, in_vain=False)
    assert (up.done, up.patience) == (["recover cluster"], [True, True])


def test_one_that_stays_silent_is_made_again_once_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    up = Up(monkeypatch, in_vain=True)
    assert (up.done, up.patience) == (["recover cluster", "delete cluster"], [True, False])
    assert up.asked == [(RECOVER,), (DELETE,)]
