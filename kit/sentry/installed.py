"""What the cluster says of the release: its record, its Deployments, and Helm's own records of runs that were killed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kit.adapters.kubernetes.api import KubeApi
from kit.sentry.chart.scale import SEVERAL
from kit.sentry.objects import NAMESPACE, RELEASE
from kit.sentry.rollout.pods import is_rolled_out, newest, pod_trouble

RECORD = "kit-release"  # a ConfigMap of the release itself: what it was made from
FINISHED = "dev.kit/finished"  # its annotation: the fingerprint of the last release that came to its end


@dataclass(frozen=True, slots=True)
class Installed:
    """What the cluster says about the release."""

    fingerprint: str
    profile: str
    size: str
    chart: str
    version: str
    complaint: str | None  # None: all of it is up
    replicas: Mapping[str, str] = field(default_factory=dict)  # Deployment of several pods → "2 of 3": ready, wanted


def installed(api: KubeApi) -> Installed | None:
    """The release in the cluster, or None. Asks for its record, and for the Deployments that are not up.

    Helm writes the record before it changes a pod, and runs hooks after that: alone it does not say that it came to its end.
    """
    record = api.get("ConfigMap", RECORD, NAMESPACE)
    if record is None:
        return None
    data = record.get("data") or {}
    said = {key: str(data.get(key, "")) for key in ("fingerprint", "profile", "size", "chart", "version")}
    is_finished = (record["metadata"].get("annotations") or {}).get(FINISHED) == said["fingerprint"]
    there = api.list("Deployment", NAMESPACE)
    wrong = complaint(api, there) or (None if is_finished else "its installation did not come to its end")
    return Installed(**said, complaint=wrong, replicas=_replicas(there))


def _replicas(deployments: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    wanted = {each["metadata"]["name"]: (each["spec"].get("replicas", 1), each.get("status") or {}) for each in deployments}
    return {name: f"{seen.get('readyReplicas', 0)} of {number}" for name, (number, seen) in wanted.items() if number >= SEVERAL}


def complaint(api: KubeApi, deployments: Iterable[Mapping[str, Any]]) -> str | None:
    """Which Deployments of the release are not rolled out, and why the first is not."""
    late = [each for each in deployments if not is_rolled_out(each)]
    if not late:
        return None
    labels = late[0]["spec"]["selector"].get("matchLabels") or {}
    pod = newest(api.list("Pod", NAMESPACE, ",".join(f"{key}={value}" for key, value in labels.items())))
    reason = pod_trouble(pod).reason if pod else "no pod yet"
    more = f" (and {len(late) - 1} more)" if len(late) > 1 else ""
    return f"{late[0]['metadata']['name']}: {reason}{more}"


def forget_interrupted(api: KubeApi) -> tuple[str, ...]:
    """Remove the records of Helm runs that were killed, which would have it refuse every further one; returns their names.

    The stack's lock is held, so no other `kit` is in the middle of one. What such a run made is adopted by the next: it bears
    the release's name.
    """
    pending = "status in (pending-install,pending-upgrade,pending-rollback)"
    records = api.list("Secret", NAMESPACE, f"owner=helm,name={RELEASE},{pending}")
    names = tuple(record["metadata"]["name"] for record in records)
    for name in names:
        api.delete("Secret", name, NAMESPACE)
    return names
