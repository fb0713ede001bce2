"""The preflight: kit's probes, run inside the cluster as a Job, their outcome kept there.

The Job is made from the chart's own definition, rendered without a release, so it can run before, beside or after Helm. What
it found is kept in a ConfigMap with the fingerprint of what it was run with: `kit status` reads that, and only other
endpoints, another authority, other probes or a wish run it again.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from kit import files
from kit.endpoints import Endpoints, to_document
from kit.engines.helm import Helm
from kit.engines.kube import KubeApi
from kit.errors import KitError
from kit.sentry import lite, release
from kit.sentry.archive import archive
from kit.sentry.lite import Document, Lite
from kit.sentry.pods import Trouble, newest
from kit.sentry.preflight_job import AUTHORITY, holds

RESULT = "kit-preflight-result"
TEMPLATE = "templates/preflight.yaml"
CONTAINER = "probes"
POLL_S = 0.15
TIMEOUT_S = 120.0


class PreflightFailed(KitError):
    """A store was not reached from inside the cluster, or was reached by a client that does not know its authority."""

    code = "KIT-PREFLIGHT"
    exit_code = 54

    def __init__(self, result: Preflight) -> None:
        wrong = [probe for probe in result.probes if not probe.holds]
        super().__init__(
            what="the stores are not as Sentry needs them, seen from inside the cluster",
            why="; ".join(probe.words for probe in wrong[:3]),
            fix="kit verify shows all of it",
            detail="\n".join(probe.words for probe in wrong),
        )


class PreflightBroken(KitError):
    """The preflight Job did not come to a result."""

    code = "KIT-PREFLIGHT-JOB"
    exit_code = 55

    def __init__(self, why: str, log: str) -> None:
        super().__init__(what="the preflight Job gave no result", why=why, fix="kubectl -n sentry describe jobs", detail=log)


@dataclass(frozen=True, slots=True)
class Probe:
    """One store asked with one trust. `cause` and `reason` are empty where all went well, `tls` where there was no handshake."""

    store: str
    trust: str  # "authority", "foreign", "empty"
    tls: str
    latency_ms: float | None
    cause: str
    reason: str
    roundtrip: str  # what was written and read back; only with the authority

    @property
    def holds(self) -> bool:
        return holds(self.trust, self.cause)

    @property
    def words(self) -> str:
        known = {AUTHORITY: "with the authority", "foreign": "with a foreign authority", "empty": "with no authority"}
        return f"{self.store} {known.get(self.trust, self.trust)}: {self.reason or self.roundtrip or f'answered over {self.tls}'}"


@dataclass(frozen=True, slots=True)
class Preflight:
    fingerprint: str  # of what it was run with
    finished_at: datetime
    probes: tuple[Probe, ...]

    @property
    def passed(self) -> bool:
        return bool(self.probes) and all(probe.holds for probe in self.probes)


def fingerprint(wanted: Lite, endpoints: Endpoints) -> str:
    """Of everything the outcome depends on: endpoints and logins, authority, the probes' code and image."""
    parts = {"endpoints": json.dumps(to_document(endpoints), sort_keys=True), "authority": wanted.authority}
    template = (wanted.chart / TEMPLATE).read_bytes()
    return files.digest({**parts, "image": wanted.probe_image, "code": archive(), "template": template})


def last(api: KubeApi) -> Preflight | None:
    """The outcome kept in the cluster."""
    kept = api.get("ConfigMap", RESULT, lite.NAMESPACE)
    return None if kept is None else from_kept(kept)


def run(
    wanted: Lite,
    endpoints: Endpoints,
    api: KubeApi,
    helm: Helm,
    *,
    note: Callable[[str], None] = lambda reason: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Preflight:
    """Run the Job, keep what it found, return it; the caller decides what a failed one means. Raises `PreflightBroken`."""
    for document in documents(wanted, endpoints):
        api.apply(document)
    job = api.create(job_document(helm.template(lite.RELEASE, wanted.chart, lite.NAMESPACE, lite.values(wanted), only=TEMPLATE)))
    log = _finished(job["metadata"]["name"], api, note, sleep)
    result = Preflight(fingerprint(wanted, endpoints), datetime.now(UTC), parse(log))
    api.apply(kept_document(wanted.stack, result))
    return result


def log(api: KubeApi, tail: int) -> str:
    """The end of what the newest Job's pod wrote; empty where none is left."""
    pods = [pod for pod in api.list("Pod", lite.NAMESPACE) if "batch.kubernetes.io/job-name" in pod["metadata"].get("labels", {})]
    pod = newest(pods)
    return api.logs(pod["metadata"]["name"], lite.NAMESPACE, CONTAINER, tail) if pod else ""


def documents(wanted: Lite, endpoints: Endpoints) -> tuple[Document, ...]:
    """What the Job mounts. Holds secrets in clear, and a foreign authority that is new each time."""
    from kit.pki import authority

    foreign = authority.create(wanted.stack, datetime.now(UTC)).root.certificate_pem().decode()
    mounted = {"endpoints.json": json.dumps(to_document(endpoints)), "foreign.crt": foreign, "empty.crt": ""}
    metadata = {"name": lite.CODE_CONFIG_MAP, "namespace": lite.NAMESPACE, "labels": {lite.STACK_LABEL: wanted.stack}}
    code = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    return (
        lite.namespace(wanted.stack),
        lite.authority_secret(wanted),
        lite.secret(wanted.stack, lite.PREFLIGHT_SECRET, mounted),
        {**code, "binaryData": {"kit.zip": base64.b64encode(archive()).decode()}},
    )


def job_document(rendered: str) -> Document:
    """A Job from the chart's suspended CronJob, as `kubectl create job --from` would make it."""
    import yaml

    template = yaml.safe_load(rendered)
    prefix = f"{template['metadata']['name']}-"
    made = template["spec"]["jobTemplate"]
    metadata = {**made["metadata"], "generateName": prefix, "namespace": lite.NAMESPACE}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": made["spec"]}


def parse(log: str) -> tuple[Probe, ...]:
    """The probes out of the Job's log, whose last line is their JSON."""
    lines = log.strip().splitlines()
    try:
        return tuple(Probe(**fields) for fields in json.loads(lines[-1])["probes"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise PreflightBroken("its last line is not what a finished preflight prints", log) from error


def kept_document(stack: str, result: Preflight) -> Document:
    text = json.dumps([asdict(probe) for probe in result.probes])
    data = {"fingerprint": result.fingerprint, "finished_at": result.finished_at.isoformat(), "probes": text}
    metadata = {"name": RESULT, "namespace": lite.NAMESPACE, "labels": {lite.STACK_LABEL: stack}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def from_kept(kept: Mapping[str, Any]) -> Preflight | None:
    """None also for what cannot be read: then it is as if it had never run."""
    data = kept.get("data", {})
    try:
        probes = tuple(Probe(**fields) for fields in json.loads(data["probes"]))
        return Preflight(data["fingerprint"], datetime.fromisoformat(data["finished_at"]), probes)
    except (KeyError, ValueError, TypeError):
        return None


def _finished(job: str, api: KubeApi, note: Callable[[str], None], sleep: Callable[[float], None]) -> str:
    """The Job's log once it has ended, whether it liked what it saw or not."""
    started = time.monotonic()
    while True:
        pod = newest(api.list("Pod", lite.NAMESPACE, f"batch.kubernetes.io/job-name={job}"))
        phase = pod["status"].get("phase") if pod else None
        if pod and phase in ("Succeeded", "Failed"):
            return api.logs(pod["metadata"]["name"], lite.NAMESPACE, CONTAINER)
        trouble = release.pod_trouble(pod) if pod else Trouble("no pod yet")
        if trouble.is_final or time.monotonic() - started > TIMEOUT_S:
            raise PreflightBroken(trouble.reason, api.logs(pod["metadata"]["name"], lite.NAMESPACE, CONTAINER) if pod else "")
        note("the probes are running" if phase == "Running" else trouble.reason)
        sleep(POLL_S)
