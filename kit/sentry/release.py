"""Bringing the light Sentry into the cluster, and watching it there: installed, rolling, ready, or stuck and why.

Helm returns as soon as the API server has the manifests. From then on the pods are asked, because only they can tell an image
that cannot be pulled from a migration that takes its time; what cannot mend itself ends the wait at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kit.engines.helm import Helm, Release
from kit.engines.kube import KubeApi
from kit.errors import KitError
from kit.sentry import lite, pods
from kit.sentry.lite import Lite
from kit.sentry.pods import Trouble, is_rolled_out, newest
from kit.sentry.receiver import Receiver
from kit.stores.contract import Ready

POLL_S = 0.15
READY_TIMEOUT_S = 180.0
LOG_LINES = 20
POD_SELECTOR = f"app.kubernetes.io/instance={lite.RELEASE},app.kubernetes.io/name=bugsink"
INPUTS = "dev.kit/inputs"

# What its two containers do while they run and are not ready.
WORDS = {"prepare": "preparing: schema, migrations, project", "web": "its server is starting"}


class SentryNotReady(KitError):
    """The release is in the cluster and its pods do not become ready."""

    code = "KIT-SENTRY-NOT-READY"
    exit_code = 53

    def __init__(self, reason: str, waited_s: float, log: str) -> None:
        super().__init__(
            what=f"Sentry did not become ready (waited {waited_s:.0f} s)", why=reason, fix="kit logs sentry", detail=log
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """The release as the cluster shows it."""

    fingerprint: str  # of what it was installed from
    complaint: str | None  # None: ready
    chart: str
    version: str
    image: str


def install(wanted: Lite, api: KubeApi, helm: Helm) -> Release:
    """Secrets, then the chart; in place where there is a release already. Does not wait: see `wait`."""
    for document in lite.documents(wanted):
        api.apply(document)
    forget_interrupted(api)
    restart_hopeless(api)
    return helm.upgrade(lite.RELEASE, wanted.chart, lite.NAMESPACE, lite.values(wanted))


def forget_interrupted(api: KubeApi) -> tuple[str, ...]:
    """Remove the records of Helm runs that were killed, which would have it refuse every further one; returns their names.

    The stack's lock is held, so no other `kit` is in the middle of one. What such a run made is adopted by the next: it bears
    the release's name.
    """
    pending = "status in (pending-install,pending-upgrade,pending-rollback)"
    records = api.list("Secret", lite.NAMESPACE, f"owner=helm,name={lite.RELEASE},{pending}")
    names = tuple(record["metadata"]["name"] for record in records)
    for name in names:
        api.delete("Secret", name, lite.NAMESPACE)
    return names


def restart_hopeless(api: KubeApi) -> tuple[str, ...]:
    """Replace pods that gave up: what was wrong may be mended, and their next attempt on their own is minutes away."""
    stuck = [pod for pod in api.list("Pod", lite.NAMESPACE, POD_SELECTOR) if pod_trouble(pod).is_final]
    names = tuple(pod["metadata"]["name"] for pod in stuck)
    for name in names:
        api.delete("Pod", name, lite.NAMESPACE)
    return names


def wait(
    api: KubeApi,
    server: Receiver,
    *,
    note: Callable[[str], None] = lambda reason: None,
    timeout_s: float = READY_TIMEOUT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Until the newest generation is ready, the older one gone, and this computer reaches it too (the node's forwarding of a new
    Service lags behind the pod's readiness). Seconds waited; raises `SentryNotReady`.
    """
    started = time.monotonic()
    while True:
        deployment = api.get("Deployment", lite.RELEASE, lite.NAMESPACE)
        waited_s = time.monotonic() - started
        pod = None
        if deployment is not None and is_rolled_out(deployment):
            answer = server.probe()
            if isinstance(answer, Ready):
                return waited_s
            trouble = Trouble(f"{server.url}: {answer.reason}")
        else:
            pod = newest(api.list("Pod", lite.NAMESPACE, POD_SELECTOR))
            trouble = pod_trouble(pod) if pod else Trouble("no pod yet")
        if trouble.is_final or waited_s > timeout_s:
            raise SentryNotReady(trouble.reason, waited_s, _last_words(api, pod, trouble))
        note(trouble.reason)
        sleep(POLL_S)


def look(api: KubeApi) -> Seen | None:
    """The release now, or None; one request when it is ready, two when it is not."""
    deployment = api.get("Deployment", lite.RELEASE, lite.NAMESPACE)
    if deployment is None:
        return None
    complaint = None
    if not is_rolled_out(deployment):
        pod = newest(api.list("Pod", lite.NAMESPACE, POD_SELECTOR))
        complaint = pod_trouble(pod).reason if pod else "no pod yet"
    metadata = deployment["metadata"]
    chart, _, version = metadata.get("labels", {}).get("helm.sh/chart", "").rpartition("-")
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return Seen(metadata.get("annotations", {}).get(INPUTS, ""), complaint, chart, version, image)


def log(api: KubeApi, tail: int) -> str:
    """The end of what the newest pod wrote; its preparation's while that still runs. Empty where there is no pod."""
    pod = newest(api.list("Pod", lite.NAMESPACE, POD_SELECTOR))
    if pod is None:
        return ""
    name = pod["metadata"]["name"]
    return api.logs(name, lite.NAMESPACE, "web", tail) or api.logs(name, lite.NAMESPACE, "prepare", tail)


def _last_words(api: KubeApi, pod: Mapping[str, Any] | None, trouble: Trouble) -> str:
    if not pod or not trouble.log_of:
        return ""
    name = pod["metadata"]["name"]
    now = api.logs(name, lite.NAMESPACE, trouble.log_of, LOG_LINES)
    return now or api.logs(name, lite.NAMESPACE, trouble.log_of, LOG_LINES, previous=True)


def pod_trouble(pod: Mapping[str, Any]) -> Trouble:
    """What a pod of it that is not ready waits for, in words."""
    return pods.pod_trouble(pod, WORDS, WORDS["web"])
