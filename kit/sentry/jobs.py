"""Runs Jobs in the cluster to their end: the preflight's, kit's probes', the look for an event, the first run's.

By polling with kit's own client: the official one has `watch`, but it would take 250 ms to import and go its own way past a
proxy and to a token, and a Job of a few seconds is looked at some twenty times. Time is counted from a pod's first running
container: a fresh node has the image to fetch, which says nothing about what the Job is for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kit import cancel
from kit.adapters.kubernetes.api import KubeApi
from kit.sentry.objects import NAMESPACE, Document
from kit.sentry.rollout.pods import Trouble, newest, pod_trouble
from kit.sentry.site import Note

JOB = "batch.kubernetes.io/job-name"  # the label of a Job's pods
POLL_S = 0.2
# How long a pod may stay so.
LIMIT_S: Mapping[str, float] = {"waiting": 100.0, "starting": 600.0, "running": 120.0}
NO_POD = Trouble("the Job has no pod")


@dataclass
class Run:
    """One Job and its newest pod; remembers since when that has been at the same stage."""

    job: Document
    node: str = ""  # "" where it may run anywhere
    limit_s: Mapping[str, float] = field(default_factory=lambda: LIMIT_S)
    pod: Mapping[str, Any] | None = None
    why: str = ""  # why it is given up
    stage: str = ""
    trouble: Trouble = NO_POD
    since: float = 0.0
    _failed: int = 0

    @property
    def name(self) -> str:
        return str(self.job["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.job["metadata"].get("namespace", NAMESPACE))

    @property
    def has_ended(self) -> bool:
        """Whether all its programs have, for the last time."""
        if self.pod is None or not _has_ended(self.pod):
            return False
        return not _has_failed(self.pod) or self._failed > self.job.get("spec", {}).get("backoffLimit", 0)

    @property
    def has_succeeded(self) -> bool:
        return self.has_ended and self.pod is not None and not _has_failed(self.pod)

    @property
    def is_over(self) -> bool:
        return self.has_ended or bool(self.why)

    def observe(self, pods: Sequence[Mapping[str, Any]], now: float) -> None:
        own = [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(JOB) == self.name]
        self.pod, self._failed = newest(own), sum(_has_failed(pod) for pod in own)
        stage = _stage(self.pod)
        if stage != self.stage:
            self.stage, self.since = stage, now
        self.trouble = pod_trouble(self.pod) if self.pod else NO_POD
        if self.has_ended or (self.pod and _has_ended(self.pod)):  # another pod comes after one that failed
            return
        if self.trouble.is_final or now - self.since > self.limit_s[stage]:
            self.why = f"it did not end in time: {self.trouble.reason}" if stage == "running" else self.trouble.reason

    def log(self, api: KubeApi, container: str, tail: int | None = None) -> str:
        return api.logs(self.pod["metadata"]["name"], self.namespace, container, tail) if self.pod else ""


def start(api: KubeApi, job: Document, node: str = "", limit_s: Mapping[str, float] = LIMIT_S) -> Run:
    return Run({**job, "metadata": api.create(job)["metadata"]}, node, limit_s)


def wait(
    runs: Sequence[Run],
    api: KubeApi,
    note: Note,
    progress: Callable[[], str],
    *,
    sleep: Callable[[float], None] = cancel.wait,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Until each has ended or is given up; says `progress` with every look."""
    namespaces = {run.namespace for run in runs}
    selector = f"{JOB} in ({','.join(run.name for run in runs)})"
    while True:
        pods = [pod for namespace in namespaces for pod in api.list("Pod", namespace, selector)]
        for run in runs:
            run.observe(pods, clock())
        if all(run.is_over for run in runs):
            return
        note(progress())
        sleep(POLL_S)


def finish(api: KubeApi, job: Document, note: Note, doing: str, limit_s: Mapping[str, float] = LIMIT_S) -> Run:
    """Start one Job and wait for it; `doing` says what it does while it runs."""
    run = start(api, job, limit_s=limit_s)
    wait([run], api, note, lambda: doing if run.stage == "running" else run.trouble.reason)
    return run


def _has_ended(pod: Mapping[str, Any]) -> bool:
    """By its programs: the pod itself says so up to two seconds later, when its network is taken down too."""
    states = [each.get("state") or {} for each in pod["status"].get("containerStatuses") or ()]
    all_ended = bool(states) and all("terminated" in state for state in states)
    is_complete = len(states) == len(pod["spec"].get("containers") or ())
    return pod["status"].get("phase") in ("Succeeded", "Failed") or (all_ended and is_complete)


def _has_failed(pod: Mapping[str, Any]) -> bool:
    ends = [(each.get("state") or {}).get("terminated") or {} for each in pod["status"].get("containerStatuses") or ()]
    return pod["status"].get("phase") == "Failed" or any(end.get("exitCode", 0) for end in ends)


def _stage(pod: Mapping[str, Any] | None) -> str:
    if pod is None or not pod.get("spec", {}).get("nodeName"):
        return "waiting"  # for a place
    return "starting" if pod["status"].get("phase") == "Pending" else "running"
