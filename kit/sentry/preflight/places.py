"""Where the preflight runs and how far each of its pods is: one on every node that would take Sentry's.

A zone whose subnet or security group is wrong shows on its own nodes only. Time is counted from a pod's first running container:
a fresh node has the probe image to fetch, which says nothing about the stores. Pure but for the clock that is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.sentry.chart.manifests import Document
from kit.sentry.rollout.pods import Trouble, newest, pod_trouble

MOST_NODES = 12  # of a large cluster a few of each zone tell as much, and the stores are spared
ZONE = "topology.kubernetes.io/zone"
JOB = "batch.kubernetes.io/job-name"
# How long a pod may stay so. The driver ends itself after a minute and a half.
LIMIT_S: Mapping[str, float] = {"waiting": 100.0, "starting": 600.0, "running": 120.0}


def nodes(found: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The names of those that take pods without any word about it, in turns from each zone."""
    open_ones = sorted((node for node in found if _takes_pods(node)), key=lambda node: str(node["metadata"]["name"]))
    by_zone: dict[str, list[str]] = {}
    for node in open_ones:
        by_zone.setdefault((node["metadata"].get("labels") or {}).get(ZONE, ""), []).append(node["metadata"]["name"])
    turns = sorted((number, zone, name) for zone, names in by_zone.items() for number, name in enumerate(names))
    return tuple(name for _, _, name in turns)


def _takes_pods(node: Mapping[str, Any]) -> bool:
    spec, conditions = node.get("spec") or {}, (node.get("status") or {}).get("conditions") or ()
    is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    refuses = any(taint.get("effect") in ("NoSchedule", "NoExecute") for taint in spec.get("taints") or ())
    return is_ready and not refuses and not spec.get("unschedulable")


@dataclass
class Attempt:
    """One Job and its pod; remembers since when it has been at the same stage."""

    document: Document  # the Job
    node: str  # "" where it may run anywhere
    pod: Mapping[str, Any] | None = None
    why: str = ""  # why it is given up
    stage: str = ""
    since: float = 0.0

    @property
    def has_ended(self) -> bool:
        """Whether all its programs have. The pod itself says so up to two seconds later, when its network is taken down too."""
        if self.pod is None:
            return False
        states = [each.get("state") or {} for each in self.pod["status"].get("containerStatuses") or ()]
        all_ended = bool(states) and all("terminated" in state for state in states)
        is_complete = len(states) == len(self.pod["spec"].get("containers") or ())
        return self.pod["status"].get("phase") in ("Succeeded", "Failed") or (all_ended and is_complete)

    @property
    def is_over(self) -> bool:
        return self.has_ended or bool(self.why)

    def look(self, pods: Sequence[Mapping[str, Any]], now: float) -> None:
        self.pod = newest(
            [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(JOB) == self.document["metadata"]["name"]]
        )
        stage = _stage(self.pod)
        if stage != self.stage:
            self.stage, self.since = stage, now
        trouble = pod_trouble(self.pod) if self.pod else Trouble("the Job has no pod")
        if not self.has_ended and (trouble.is_final or now - self.since > LIMIT_S[stage]):
            self.why = f"it did not end in time: {trouble.reason}" if stage == "running" else trouble.reason


def _stage(pod: Mapping[str, Any] | None) -> str:
    if pod is None or not pod.get("spec", {}).get("nodeName"):
        return "waiting"  # for a place
    return "starting" if pod["status"].get("phase") == "Pending" else "running"
