"""How many pods each workload of a release has, and the PodDisruptionBudgets that the chart has no key for. Pure.

A node that is drained gives up its pods one by one, as the budgets allow: with one for each workload of several pods, one of
them is always up. A workload of one pod gets none, for that would let no drain come to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kit.sentry.chart.hooks import is_hook
from kit.sentry.objects import Document

SCALED = ("Deployment", "StatefulSet")
SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Scale:
    """Pods of a workload: as many, or between two bounds where an autoscaler decides."""

    least: int
    most: int


def scales(documents: Iterable[Document]) -> dict[tuple[str, str], Scale]:
    """(kind, name) → its pods. Without `replicas` Kubernetes makes one; an autoscaler of the release keeps its own bounds."""
    objects = tuple(documents)
    found = {}
    for each in objects:
        if each["kind"] in SCALED:
            number = each["spec"].get("replicas")
            number = 1 if number is None else int(number)
            found[each["kind"], each["metadata"]["name"]] = Scale(number, number)
    for each in objects:
        target = each["spec"].get("scaleTargetRef") or {} if each["kind"] == "HorizontalPodAutoscaler" else {}
        if (key := (target.get("kind"), target.get("name"))) in found:
            found[key] = Scale(int(each["spec"].get("minReplicas", 1)), int(each["spec"]["maxReplicas"]))
    return found


def budgets(documents: Iterable[Document]) -> tuple[Document, ...]:
    """A budget for each workload of several pods that has none: one pod at a time may be taken away, a broken one always."""
    objects = tuple(documents)
    pods = scales(objects)
    there = [each for each in objects if each["kind"] == "PodDisruptionBudget"]
    return tuple(
        _budget(each)
        for each in objects
        if each["kind"] in SCALED
        and not is_hook(each)
        and pods[each["kind"], each["metadata"]["name"]].least >= SEVERAL
        and not any(selects(budget, each) for budget in there)
    )


def _budget(workload: Document) -> Document:
    metadata = workload["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {**kept, "labels": dict(metadata.get("labels") or {})},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": dict(workload["spec"]["selector"]["matchLabels"])},
            # Else a pod that never becomes ready would hold up every drain.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def selects(budget: Document, workload: Document) -> bool:
    """Whether a budget is of this workload's pods, as far as labels alone say it."""
    wanted: Mapping[str, Any] = (budget["spec"].get("selector") or {}).get("matchLabels") or {}
    labels: Mapping[str, Any] = (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return bool(wanted) and wanted.items() <= labels.items()
