"""kit's own probes of the five stores, run inside the cluster as a Job: the inner half of `kit verify`.

The very lines that probe from the host probe here, shipped as an archive. Whether Sentry's components can connect is another
question, which the preflight answers with their own libraries and settings.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kit.adapters.helm import Helm
from kit.adapters.kubernetes.api import KubeApi
from kit.blueprint.stack import STORES
from kit.endpoints import Endpoints, to_document
from kit.errors import KitError
from kit.sentry import jobs
from kit.sentry.archive import archive
from kit.sentry.jobs import Run
from kit.sentry.objects import NAMESPACE, RELEASE, Document, config_map, network_labels, secret
from kit.sentry.probes_job import AUTHORITY, holds
from kit.sentry.site import Note
from kit.sentry.stand_in.lite import CHART

TEMPLATE = "templates/probes.yaml"
ENDPOINTS_SECRET, AUTHORITY_SECRET, CODE = "kit-probes", "kit-authority", "kit-code"
CONTAINER = "probes"


class ProbesBroken(KitError):
    """The Job that tries the components' connections ended without a result."""

    code = "KIT-PROBES-JOB"
    exit_code = 55
    what = "the probes' Job gave no result"
    fix = "kubectl -n sentry describe jobs"


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
class Subject:
    """What is probed, and with what."""

    stack: str
    endpoints: Endpoints  # as pods see them
    authority: str  # PEM
    image: str
    assets: Path


def run(subject: Subject, api: KubeApi, helm: Helm, note: Note = lambda said: None) -> tuple[Probe, ...]:
    """Every store with every trust. The namespace must be there. Raises `ProbesBroken`."""
    for document in documents(subject):
        api.apply(document)
    images = {"bugsink": "none", "probe": subject.image}
    values = {"lite": {"stack": subject.stack, "images": images, "probes": {"enabled": True}}}
    rendered = helm.template(RELEASE, subject.assets / CHART, NAMESPACE, values, only=TEMPLATE)
    made = jobs.finish(api, job_document(rendered), note, "the probes are running")
    return parse(result(made, api, CONTAINER))


def result(run: Run, api: KubeApi, container: str) -> str:
    """The log of a Job that has ended, whether it liked what it saw or not. Raises `ProbesBroken`."""
    log = run.log(api, container)
    if run.why:
        raise ProbesBroken(why=run.why, detail=log)
    return log


def documents(subject: Subject) -> tuple[Document, ...]:
    """What the Job mounts. Holds secrets in clear, and a foreign authority that is new each time."""
    from kit.pki import authority

    foreign = authority.create(subject.stack, datetime.now(UTC)).root.certificate_pem().decode()
    mounted = {"endpoints.json": json.dumps(to_document(subject.endpoints)), "foreign.crt": foreign, "empty.crt": ""}
    return (
        secret(subject.stack, AUTHORITY_SECRET, {"ca.crt": subject.authority}),
        secret(subject.stack, ENDPOINTS_SECRET, mounted),
        config_map(subject.stack, CODE, binary={"kit.zip": archive()}),
    )


def job_document(rendered: str) -> Document:
    """A Job from the chart's suspended CronJob, as `kubectl create job --from` would make it."""
    import yaml

    template = yaml.safe_load(rendered)
    prefix = f"{template['metadata']['name']}-"
    made = template["spec"]["jobTemplate"]
    pod = made["spec"]["template"]["metadata"]
    pod["labels"] = {**pod["labels"], **network_labels(*STORES)}
    named = {**made["metadata"], "generateName": prefix, "namespace": NAMESPACE}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": named, "spec": made["spec"]}


def parse(log: str) -> tuple[Probe, ...]:
    """The probes out of the Job's log, whose last line is their JSON."""
    lines = log.strip().splitlines()
    try:
        return tuple(Probe(**fields) for fields in json.loads(lines[-1])["probes"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise ProbesBroken(why="its last line is not what finished probes print", detail=log) from error
