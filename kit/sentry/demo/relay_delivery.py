"""An event's delivery through Relay into Kafka: sent by the SDK, accepted, and seen in Kafka by its id.

Relay answers "accepted" before Kafka has the event, and without `kafka_validate_topics` it is "ready" without ever having spoken
to Kafka (26.8.0 and 25.1.0, run 2026-11-28, docs/real.md). So an accepted event proves nothing, and this looks for the event
itself: from here where the brokers can be reached, else by a Job in the cluster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from kit.adapters.kubernetes.api import KubeApi
from kit.endpoints import KafkaEndpoint, Trust
from kit.sentry import jobs, objects
from kit.sentry.archive import archive
from kit.sentry.chart.wiring import TRUST
from kit.sentry.demo import relay_delivery_job
from kit.sentry.demo.relay_delivery_job import TOPIC
from kit.sentry.objects import NAMESPACE, STACK_LABEL, Document, config_map, secret
from kit.sentry.probes import ProbesBroken, result
from kit.sentry.site import Note
from kit.stores import kafka_records
from kit.stores.kafka_records import Record

CLAIM = "an event reaches Kafka through Relay"
DEPLOYMENT = "sentry-relay"
SEEN_TIMEOUT_S = 15.0
NAME = "kit-relay-delivery"  # of everything that the Job needs
MODULES = (
    "__init__.py",
    "errors.py",
    "endpoints.py",
    "stores",
    "sentry/__init__.py",
    "sentry/demo/__init__.py",
    "sentry/demo/relay_delivery_job.py",
)
PATHS = ["/run/kit/code/kit.zip", "/opt/probe/sentry"]  # kit, and the libraries of the profile's probe image
PROGRAM = f"import sys; sys.path[:0] = {PATHS}; from kit.sentry.demo.relay_delivery_job import main; main()"
STARTED_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Delivery:
    event_id: str
    record: Record | None  # None: it was accepted and did not come
    seconds: float | None  # from before it was sent until it was seen; None where the clocks are two computers'
    timeout_s: float

    @property
    def words(self) -> str:
        if self.record is None:
            late = f"event {self.event_id} was accepted and not in {TOPIC} within {self.timeout_s:.0f} s"
            return f"{late}: kubectl -n sentry logs deploy/{DEPLOYMENT}"
        place = f"{TOPIC} {self.record.partition}:{self.record.offset}"
        when = "" if self.seconds is None else f", {self.seconds:.1f} s after it was raised"
        return f"event {self.event_id} in {place}{when}"


def runs(api: KubeApi) -> bool:
    """Whether a Relay is there that takes events; the stand-in's release has one of no pods."""
    found = api.get("Deployment", DEPLOYMENT, NAMESPACE)
    return found is not None and int(found["spec"].get("replicas", 1)) > 0


def deliver(send: Callable[[], str], kafka: KafkaEndpoint, trust: Trust, timeout_s: float = SEEN_TIMEOUT_S) -> Delivery:
    """`send` gives the id of an event that was accepted. Raises what it raises, and `StoreError`."""
    with kafka_records.tail(kafka, trust, TOPIC) as tail:
        started = time.monotonic()
        event_id = send()
        record = tail.find(event_id.encode(), timeout_s)
        return Delivery(event_id, record, time.monotonic() - started, timeout_s)


def deliver_and_look_in_cluster(
    send: Callable[[], str],
    kafka: KafkaEndpoint,
    api: KubeApi,
    stack: str,
    image: str,
    *,
    timeout_s: float = SEEN_TIMEOUT_S,
    note: Note = lambda said: None,
) -> Delivery:
    """The same, looked for by a Job of the profile's probe image: brokers of a cloud have names inside it alone.

    The trust must be in the namespace. Raises what `send` raises, and `ProbesBroken`.
    """
    since = datetime.now(UTC)
    event_id = send()
    documents = inputs(stack, kafka)
    try:
        for document in documents:
            api.apply(document)
        run = jobs.finish(api, job(stack, image, event_id, since, timeout_s), note, f"looking for event {event_id}")
        return parse(result(run, api, NAME), event_id, timeout_s)
    finally:
        for document in documents:
            api.delete(document["kind"], document["metadata"]["name"], NAMESPACE)


def inputs(stack: str, kafka: KafkaEndpoint) -> tuple[Document, ...]:
    """The login, in a Secret, and kit's own code."""
    code = config_map(stack, NAME, binary={"kit.zip": archive(modules=MODULES)})
    return (secret(stack, NAME, {"kafka.json": relay_delivery_job.dump(kafka)}), code)


def job(stack: str, image: str, event_id: str, since: datetime, timeout_s: float) -> Document:
    asked = json.dumps({"event_id": event_id, "since": since.isoformat(), "timeout_s": timeout_s})
    volumes: dict[str, Document] = {
        "code": {"configMap": {"name": NAME}},
        "login": {"secret": {"secretName": NAME, "defaultMode": 0o440}},
        "trust": {"configMap": {"name": TRUST}},
    }
    container = {
        "name": NAME,
        "image": image,
        "command": ["/usr/bin/python3", "-c", PROGRAM],
        "env": [{"name": relay_delivery_job.ASKED, "value": asked}],
        "volumeMounts": [{"name": name, "mountPath": f"/run/kit/{name}", "readOnly": True} for name in volumes],
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
    labels = {STACK_LABEL: stack, "app.kubernetes.io/name": NAME}
    deadline_s = int(timeout_s + STARTED_TIMEOUT_S)
    return objects.job(f"{NAME}-", labels, objects.pod([container], volumes), deadline_s=deadline_s, kept_s=600)


def parse(log: str, event_id: str, timeout_s: float) -> Delivery:
    """What the Job printed last. Raises `ProbesBroken`."""
    try:
        said = json.loads(log.strip().splitlines()[-1])
        found = said["record"]
        record = None if found is None else Record(TOPIC, int(found["partition"]), int(found["offset"]), b"")
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise ProbesBroken(why="its last line is not what it prints at its end", detail=log) from error
    return Delivery(event_id, record, None, timeout_s)
