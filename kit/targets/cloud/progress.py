"""Turns Terraform's stream of events into events of a plan.

Each resource is a step of its own: begun, still at it after so many seconds, done, failed. Steps that the plan announced keep the
cause that it gave. Source: Terraform's machine-readable UI, format 1.2 (`apply_start`, `apply_progress`, `apply_complete`,
`apply_errored`); messages of other types are for terraform's own reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.plan.events import Listener, StepEvent
from kit.plan.steps import Plan, Step

VERBS = {"create": "create", "update": "change", "delete": "delete", "replace": "replace", "read": "read"}


class Progress:
    """Takes events one by one."""

    def __init__(self, plan: Plan, listen: Listener) -> None:
        self._steps = {step.subject: step for step in plan}
        self._listen = listen
        self.failed: dict[str, str] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        kind, hook = event.get("type"), event.get("hook") or {}
        if kind == "diagnostic":
            self._diagnostic(event.get("diagnostic") or {})
            return
        if kind not in ("apply_start", "apply_progress", "apply_complete", "apply_errored"):
            return
        address = hook["resource"]["addr"]
        step = self._steps.get(address) or Step(VERBS.get(hook.get("action", ""), "change"), address, "")
        elapsed_s = float(hook.get("elapsed_seconds") or 0)
        if kind == "apply_start":
            self._listen(StepEvent(step, "started"))
        elif kind == "apply_progress":
            self._listen(StepEvent(step, "waiting", elapsed_s, "the cloud is at it"))
        else:
            done = kind == "apply_complete"
            note = hook.get("id_value") or "" if done else self.failed.get(address, "refused")
            self._listen(StepEvent(step, "done" if done else "failed", elapsed_s, note))

    def _diagnostic(self, diagnostic: Mapping[str, Any]) -> None:
        if diagnostic.get("severity") == "error" and diagnostic.get("address"):
            self.failed[diagnostic["address"]] = str(diagnostic.get("summary", "refused"))
