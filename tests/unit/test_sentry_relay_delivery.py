"""An event's delivery through Relay: where it is looked for, and what is said of one that was accepted and did not come."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.endpoints import KafkaEndpoint, Secret, Trust
from kit.sentry.demo import relay_delivery, relay_delivery_job
from kit.sentry.probes import ProbesBroken
from kit.stores import kafka_records
from kit.stores.kafka_records import Record

KAFKA = KafkaEndpoint("kafka", 9091, "sentry", Secret("a-password"))
TRUST = Trust(Path("ca.crt"))


class Api:
    def __init__(self, deployment: dict[str, Any] | None) -> None:
        self.deployment = deployment

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        return self.deployment if (kind, name, namespace) == ("Deployment", "sentry-relay", "sentry") else None


class Topic:
    def __init__(self, *values: bytes) -> None:
        self.values = values
        self.opened = False

    @contextmanager
    def tail(self, endpoint: KafkaEndpoint, trust: Trust, topic: str) -> Iterator[Topic]:
        assert topic == "ingest-events"
        self.opened = True
        yield self

    def find(self, wanted: bytes, timeout_s: float) -> Record | None:
        return next((Record("ingest-events", 0, at, each) for at, each in enumerate(self.values) if wanted in each), None)


@pytest.mark.parametrize(
    ("deployment", "runs"),
    [(None, False), ({"spec": {}}, True), ({"spec": {"replicas": 2}}, True), ({"spec": {"replicas": 0}}, False)],
)
def test_a_relay_of_no_pods_is_none(deployment: dict[str, Any] | None, runs: bool) -> None:
    assert relay_delivery.runs(Api(deployment)) is runs  # type: ignore[arg-type]


def test_the_topic_is_watched_before_the_event_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    topic = Topic(b'{"event_id":"other"}', b'{"event_id":"mine"}')
    monkeypatch.setattr(kafka_records, "tail", topic.tail)

    def send() -> str:
        assert topic.opened
        return "mine"

    seen = relay_delivery.deliver(send, KAFKA, TRUST)
    assert seen.record is not None
    assert seen.words == f"event mine in ingest-events 0:1, {seen.seconds:.1f} s after it was raised"


def test_an_event_that_was_accepted_and_did_not_come_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_records, "tail", Topic(b"another").tail)
    seen = relay_delivery.deliver(lambda: "mine", KAFKA, TRUST, timeout_s=0.1)
    assert seen.record is None
    assert "event mine was accepted and not in ingest-events" in seen.words
    assert "kubectl -n sentry logs deploy/sentry-relay" in seen.words


def test_a_job_looks_where_the_brokers_cannot_be_reached_from_here() -> None:
    when = datetime(2026, 11, 28, tzinfo=UTC)
    made = relay_delivery.job("a-stack", "probe:1", "e" * 32, when, 15)
    spec = made["spec"]["template"]["spec"]
    assert "a-password" not in json.dumps(made)
    assert {each["name"] for each in spec["volumes"]} == {"code", "login", "trust"}
    asked = json.loads(spec["containers"][0]["env"][0]["value"])
    assert asked == {"event_id": "e" * 32, "since": when.isoformat(), "timeout_s": 15}
    login, code = relay_delivery.inputs("a-stack", KAFKA)
    assert relay_delivery_job.load(b64decode(login["data"]["kafka.json"]).decode()) == KAFKA
    names = zipfile.ZipFile(io.BytesIO(b64decode(code["binaryData"]["kit.zip"]))).namelist()
    assert "kit/sentry/demo/relay_delivery_job.py" in names


def test_what_the_job_says_is_read() -> None:
    seen = relay_delivery.parse('noise\n{"record": {"partition": 3, "offset": 41}}\n', "mine", 15)
    assert seen.words == "event mine in ingest-events 3:41"
    assert relay_delivery.parse('{"record": null}', "mine", 15).record is None
    with pytest.raises(ProbesBroken) as broken:
        relay_delivery.parse("kafka: reading topic ingest-events failed: SASL authentication error", "mine", 15)
    assert "SASL authentication error" in str(broken.value.detail)


def test_what_a_record_holds_is_not_printed() -> None:
    assert "secret" not in repr(Record("ingest-events", 0, 0, b"secret"))
