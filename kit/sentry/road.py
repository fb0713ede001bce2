"""An event's road through Relay: sent by the SDK, accepted, and seen in Kafka by its id.

Relay answers "accepted" before Kafka has the event, and says "ready" without ever having spoken to Kafka (facts: Relay 26.8.0 and
25.1.0, run by tests/real). So an accepted event proves nothing, and this looks for the event itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kit.endpoints import KafkaEndpoint, Trust
from kit.engines.kube import KubeApi
from kit.sentry.objects import NAMESPACE
from kit.stores import kafka_records
from kit.stores.kafka_records import Record

DEPLOYMENT = "sentry-relay"
TOPIC = "ingest-events"  # of errors, whichever line: sentry-kafka-schemas 1.0.4 and 2.1.39, and Relay's default for `events`
SEEN_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Travelled:
    event_id: str
    record: Record | None  # None: it was accepted and did not come
    seconds: float  # from before it was sent until it was seen, or not looked for any more
    timeout_s: float

    @property
    def words(self) -> str:
        if self.record is None:
            late = f"event {self.event_id} was accepted and not in {TOPIC} within {self.timeout_s:.0f} s"
            return f"{late}: kubectl -n sentry logs deploy/{DEPLOYMENT}"
        place = f"{TOPIC} {self.record.partition}:{self.record.offset}"
        return f"event {self.event_id} in {place}, {self.seconds:.1f} s after it was raised"


def runs(api: KubeApi) -> bool:
    """Whether a Relay is there that takes events; the stand-in's release has one of no pods."""
    found = api.get("Deployment", DEPLOYMENT, NAMESPACE)
    return found is not None and int(found["spec"].get("replicas", 1)) > 0


def travel(send: Callable[[], str], kafka: KafkaEndpoint, trust: Trust, timeout_s: float = SEEN_TIMEOUT_S) -> Travelled:
    """`send` gives the id of an event that was accepted. Raises what it raises, and `StoreError`."""
    with kafka_records.tail(kafka, trust, TOPIC) as tail:
        started = time.monotonic()
        event_id = send()
        record = tail.find(event_id.encode(), timeout_s)
        return Travelled(event_id, record, time.monotonic() - started, timeout_s)
