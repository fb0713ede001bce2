"""Reads from a pod's status what keeps it from being ready, and whether waiting can help.

Pure functions over the API's documents, for every release that is watched. Shapes: Kubernetes API reference, PodStatus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What a container waits for that no further waiting brings about.
HOPELESS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "ImageInspectError",
        "InvalidImageName",
        "CreateContainerConfigError",
    }
)
CRASHES_FORGIVEN = 1  # a crash may have a passing reason; the same again has not


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod is not ready; `log_of` names the container whose log tells more."""

    reason: str
    is_final: bool = False
    log_of: str | None = None


def is_rolled_out(workload: Mapping[str, Any]) -> bool:
    """Whether a Deployment's newest generation is ready and no older one is left."""
    status, wanted = workload.get("status", {}), workload["spec"].get("replicas", 1)
    counts = [status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas")]
    return bool(status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 1)) and counts == [wanted] * 3


def newest(pods: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The pod of the latest roll-out, leaving out those that are going."""
    staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    return max(staying, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


def pod_trouble(pod: Mapping[str, Any], words: Mapping[str, str] | None = None, starting: str = "it is starting") -> Trouble:
    """What a pod that is not ready waits for. `words` says what a container of that name does while it runs and is not ready."""
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Trouble(f"not scheduled: {condition.get('message', condition.get('reason', ''))}")
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        trouble = _container_trouble(container, words or {})
        if trouble:
            return trouble
    reached = {condition["type"] for condition in status.get("conditions", ()) if condition["status"] == "True"}
    if "Ready" in reached:
        return Trouble("the older pod is going")
    return Trouble(starting if "Initialized" in reached else "its pod is being created")


def _container_trouble(container: Mapping[str, Any], words: Mapping[str, str]) -> Trouble | None:
    name, state, restarts = container["name"], container.get("state", {}), container.get("restartCount", 0)
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting and waiting.get("reason") in HOPELESS:
        return Trouble(f"{name}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": "), is_final=True)
    is_looping = bool(waiting and waiting.get("reason") == "CrashLoopBackOff")
    if is_looping:
        ended = container.get("lastState", {}).get("terminated")
    # A taskbroker whose topic is missing shuts down in order, with status 0, for ever: taskbroker 26.7.2, run 2026-11-28
    if ended and (is_looping or ended.get("exitCode", 0) != 0):
        why = f"{name} ended with exit code {ended['exitCode']}"
        why += " (out of memory)" if ended.get("reason") == "OOMKilled" else ""
        return Trouble(f"{why}, {restarts + 1} times" if restarts else why, restarts >= CRASHES_FORGIVEN, name)
    if "running" in state and not container.get("ready"):
        return Trouble(words.get(name, f"{name} is starting"), log_of=name)
    return None  # done, ready, or waiting for its turn
