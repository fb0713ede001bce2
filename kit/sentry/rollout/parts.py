"""The workloads of a release: how far each one is, and what it waits for. Pure.

What should be there is read from the wired manifests, what is there from four lists of the API: one picture per look, whatever
the chart calls its objects. A hook's Job that Helm has deleted after its success is told from one that is still to come by
whether it was seen before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kit.sentry.chart import hooks
from kit.sentry.objects import Document
from kit.sentry.rollout.pods import Trouble, is_rolled_out, newest, pod_trouble

KINDS = ("Deployment", "StatefulSet", "Job")
LISTED = (*KINDS, "Pod", "ReplicaSet")
REVISION = "deployment.kubernetes.io/revision"
# Labels that say what a pod is for, the chart's own first; without any of them the object's name must do.
COMPONENT_LABELS = ("role", "app.kubernetes.io/component", "app.kubernetes.io/name")

STEADY_S, STEADY_AFTER_CRASH_S = 3.0, 30.0  # for how long a container must have been running to count as up

State = Literal["absent", "waiting", "done", "failed"]
Snapshot = Mapping[str, Sequence[Mapping[str, Any]]]  # kind → its objects


@dataclass(frozen=True, slots=True)
class Wanted:
    kind: str
    name: str
    component: str
    is_hook: bool
    weight: int  # of the hook: Helm goes from the lowest to the highest

    @property
    def place(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def is_hook_job(self) -> bool:
        """What Helm itself waits for."""
        return self.is_hook and self.kind == "Job"


@dataclass(frozen=True, slots=True)
class Part:
    wanted: Wanted
    state: State
    trouble: Trouble
    age_s: float = 0.0
    pod: str | None = None

    @property
    def is_open(self) -> bool:
        return self.state in ("absent", "waiting")


def wanted(documents: Iterable[Document], release: str) -> tuple[Wanted, ...]:
    """The workloads of a release, hook Jobs first in the order in which Helm runs them."""
    found = [
        Wanted(document["kind"], document["metadata"]["name"], component(document, release), is_hook, hooks.weight(document))
        for document in documents
        if document["kind"] in KINDS and ((is_hook := hooks.is_hook(document)) or not hooks.events(document))
    ]
    return tuple(sorted(found, key=lambda each: (not each.is_hook_job, each.weight, each.name)))


def is_over(job: Mapping[str, Any]) -> bool:
    """Whether a Job has ended, well or badly."""
    return bool({"Failed", "Complete"} & {each["type"] for each in _conditions(job)})


def owned(pods: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """(kind, name) of a workload → its pods. A Deployment owns them through a ReplicaSet, whose name ends in the pods' hash."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for pod in pods:
        for owner in pod["metadata"].get("ownerReferences", ()):
            kind, name = owner["kind"], owner["name"]
            if kind == "ReplicaSet":
                hash_ = pod["metadata"].get("labels", {}).get("pod-template-hash", "")
                kind, name = "Deployment", name.removesuffix(f"-{hash_}")
            found.setdefault((kind, name), []).append(pod)
    return found


def pods_of_newest_revision(seen: Snapshot) -> list[Mapping[str, Any]]:
    """The pods without those of a Deployment's older templates, which go on crashing until they are taken away."""
    newest_of: dict[str, int] = {}
    sets = {str(each["metadata"]["name"]): each for each in seen.get("ReplicaSet", ())}
    for each in sets.values():
        for owner in each["metadata"].get("ownerReferences", ()):
            newest_of[owner["name"]] = max(newest_of.get(owner["name"], 0), _revision(each))

    def is_old(pod: Mapping[str, Any]) -> bool:
        for owner in pod["metadata"].get("ownerReferences", ()):
            if owner["kind"] == "ReplicaSet" and owner["name"] in sets:
                made_by = sets[owner["name"]]
                above = made_by["metadata"].get("ownerReferences", ())
                return any(_revision(made_by) < newest_of[each["name"]] for each in above)
        return False

    return [pod for pod in seen["Pod"] if not is_old(pod)]


def _revision(replica_set: Mapping[str, Any]) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def component(document: Document, release: str) -> str:
    labels = document["spec"]["template"]["metadata"].get("labels") or {}
    name: str = document["metadata"]["name"]
    said = next((labels[label] for label in COMPONENT_LABELS if labels.get(label)), name)
    return str(said).removeprefix(f"{release}-")


def parts(
    wanted: Sequence[Wanted], seen: Snapshot, now: datetime, *, jobs_seen: Collection[str] = (), is_installing: bool = True
) -> tuple[Part, ...]:
    """`jobs_seen`: names of hook Jobs that were there at an earlier look. `is_installing`: Helm is still at work."""
    there = {(kind, each["metadata"]["name"]): each for kind in KINDS for each in seen.get(kind, ())}
    pods = owned(seen.get("Pod", ()))
    return tuple(
        _part(each, there.get((each.kind, each.name)), pods.get((each.kind, each.name), []), now, jobs_seen, is_installing)
        for each in wanted
    )


def line(found: Sequence[Part], said: Mapping[str, str]) -> str:
    """All of it in one line: the hook that runs and what it `said` last (by place), how many are ready, who waits for what."""
    running = [part for part in found if part.wanted.is_hook_job and part.state == "waiting"]
    steady = [part for part in found if part.wanted.kind != "Job"]
    late = [part for part in steady if part.state == "waiting"]
    words = [
        f"hook {part.wanted.component} {spell(part.age_s)}: {said.get(part.wanted.place) or part.trouble.reason}"
        for part in running
    ]
    words.append(f"{sum(part.state == 'done' for part in steady)}/{len(steady)} ready")
    if late:
        first = [f"{part.wanted.component} ({part.trouble.reason})" for part in late[:3]]
        words.append(", ".join(first) + (f" and {len(late) - 3} more" if len(late) > 3 else ""))
    return " · ".join(words)


def spell(seconds: float) -> str:
    """An age, rounded so that a line of progress does not change at every look."""
    if seconds < 60:
        return f"{seconds // 10 * 10:.0f} s"
    return f"{seconds // 60:.0f} min" + (" 30 s" if seconds % 60 >= 30 and seconds < 600 else "")


def _part(
    wanted: Wanted,
    there: Mapping[str, Any] | None,
    pods: Sequence[Mapping[str, Any]],
    now: datetime,
    jobs_seen: Collection[str],
    is_installing: bool,
) -> Part:
    if there is None:
        has_run = wanted.is_hook_job and (wanted.name in jobs_seen or not is_installing)
        return Part(wanted, "done" if has_run else "absent", Trouble("" if has_run else "not there yet"))
    age_s = (now - datetime.fromisoformat(there["metadata"]["creationTimestamp"])).total_seconds()
    pod = newest(pods)
    name = None if pod is None else str(pod["metadata"]["name"])
    conditions = {each["type"]: each for each in _conditions(there)}
    if wanted.kind == "Job":
        # FailureTarget stands first, while the Job's pods are still being ended.
        if failed := conditions.get("Failed") or conditions.get("FailureTarget"):
            return Part(wanted, "failed", Trouble(_words(failed), is_final=True), age_s, name)
        if "Complete" in conditions or "SuccessCriteriaMet" in conditions:
            return Part(wanted, "done", Trouble(""), age_s, name)
    elif is_rolled_out(there):
        if pod and (unsteady := _unsteady(pod, now)):
            return Part(wanted, "waiting", unsteady, age_s, name)
        return Part(wanted, "done", Trouble(""), age_s, name)
    if refused := conditions.get("ReplicaFailure"):
        return Part(wanted, "waiting", Trouble(_words(refused)), age_s, name)
    return Part(wanted, "waiting", _trouble(wanted, pod) if pod else Trouble("no pod yet"), age_s, name)


def _unsteady(pod: Mapping[str, Any], now: datetime) -> Trouble | None:
    """A container without a readiness probe counts as ready while it runs, be it for a moment between two crashes."""
    for container in pod.get("status", {}).get("containerStatuses", ()):
        since = container.get("state", {}).get("running", {}).get("startedAt")
        has_ended = "terminated" in container.get("lastState", {})  # with whatever status: what is here is to go on
        steady_s = STEADY_AFTER_CRASH_S if has_ended else STEADY_S
        if since and (now - datetime.fromisoformat(since)).total_seconds() < steady_s:
            return Trouble(f"{container['name']} has only just been started{' again' if has_ended else ''}")
    return None


def _trouble(wanted: Wanted, pod: Mapping[str, Any]) -> Trouble:
    """A Job's pod is ready as soon as it runs, and its log says how far it is."""
    statuses = pod.get("status", {})
    every = (*statuses.get("initContainerStatuses", ()), *statuses.get("containerStatuses", ()))
    running = next((each["name"] for each in every if "running" in each.get("state", {})), None)
    if wanted.kind == "Job" and running:
        return Trouble("it runs", log_of=running)
    return pod_trouble(pod)


def _words(condition: Mapping[str, Any]) -> str:
    return f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")


def _conditions(there: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in there.get("status", {}).get("conditions") or () if each["status"] == "True"]
