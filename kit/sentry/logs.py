"""What Sentry, or the newest Job of kit's probes, wrote: read once, or followed through restarts and roll-outs.

A pod's containers run one after the other: those that prepare Sentry, then Sentry. Followed is the one that runs, then the next.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kit import cancel
from kit.adapters.kubernetes.api import KubeApi
from kit.errors import KitError
from kit.sentry.objects import NAMESPACE
from kit.sentry.rollout.pods import newest
from kit.sentry.stand_in import lite

# component → label selectors of its pods; the first that finds one counts
SELECTORS: Mapping[str, tuple[str, ...]] = {
    "sentry": (lite.pods(), "role=web"),
    "probes": ("app.kubernetes.io/name=probes",),
}
POLL_S = 0.5


class NoLog(KitError):
    """The component keeps no log, or has none yet."""

    code = "KIT-NO-LOG"
    exit_code = 53
    what = "there is no log of {component}"


def preflight() -> NoLog:
    """Its Jobs write data for kit, which is shown as what it means."""
    return NoLog(
        component="preflight",
        why="it is a Job for each run, and what it found is kept as a table",
        fix="kit preflight runs it again and shows every connection; kit logs probes shows what the Job of kit verify wrote",
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a container: a restart has another id."""

    pod: str
    container: str
    id: str
    is_running: bool


def read(api: KubeApi, component: str, tail: int) -> str:
    """The last lines of the newest pod; while it prepares itself, of its preparation. Empty where there is none."""
    pod = _pod(api, component)
    if pod is None:
        return ""
    spec, name = pod["spec"], pod["metadata"]["name"]
    order = [*spec["containers"], *reversed(spec.get("initContainers") or [])]
    said = (api.logs(name, NAMESPACE, container["name"], tail) for container in order)
    return next((text for text in said if text), "")


def follow(api: KubeApi, component: str, tail: int, wait: Callable[[float], None] = cancel.wait) -> Iterator[str]:
    """The last lines, then each new one as it is written. Ends when the pod has ended, or no pod is left."""
    ended_s: dict[
        str, int
    ] = {}  # a run's id → when its stream ended; it may go on: the cluster closes streams that are long silent
    is_first = True
    while (pod := _pod(api, component)) is not None:
        runs = _runs(pod)
        if is_first:
            ended_s |= {run.id: 0 for run in runs[:-1]}  # what prepared the pod before: over
        for run in runs:
            if run.id in ended_s and not run.is_running:
                continue
            since_s = ended_s.get(run.id)
            yield from api.follow(run.pod, NAMESPACE, run.container, tail if is_first else None, since_s)
            ended_s[run.id], is_first = math.ceil(time.time()), False
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return
        wait(POLL_S)


def _pod(api: KubeApi, component: str) -> Mapping[str, Any] | None:
    found = (newest(api.list("Pod", NAMESPACE, selector)) for selector in SELECTORS[component])
    return next((pod for pod in found if pod is not None), None)


def _runs(pod: Mapping[str, Any]) -> list[_Run]:
    """The containers that have started, in the order in which they run; of those that run side by side, the first."""
    status = pod.get("status", {})
    names = [container["name"] for container in pod["spec"]["containers"][:1]]
    containers = [
        *status.get("initContainerStatuses", ()),
        *(each for each in status.get("containerStatuses", ()) if each["name"] in names),
    ]
    return [
        _Run(pod["metadata"]["name"], each["name"], each["containerID"], "running" in each.get("state", {}))
        for each in containers
        if each.get("containerID")
    ]
