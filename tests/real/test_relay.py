"""Sentry's real Relay of the line `current`, as chart 33 runs it: the delivery of an event, and who names each mistake before."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from kit.sentry import claims
from kit.sentry.demo import relay_delivery
from kit.sentry.demo.demo import DemoNotDelivered
from kit.stores import kafka, kafka_admin
from kit.targets.local import site
from tests.real.conftest import LINES, Stage
from tests.real.looked import Outcome
from tests.real.rig import KEY, NAMESPACE, NARROW_KEY, RELAY, Mistake, Rig, is_ready, until

LINE = "current"
KNOWN = LINES[LINE][2]
WAY_S = 20.0


@pytest.fixture(scope="module")
def rig(stages: Mapping[str, Stage]) -> Rig:
    """The right Relay, ready."""
    found = stages[LINE].rig
    assert until(lambda: any(map(is_ready, found.local.kube.list("Pod", NAMESPACE, "role=relay"))), 90), said(found)
    return found


def said(rig: Rig) -> str:
    return "\n".join(rig.log(each["metadata"]["name"]) for each in rig.local.kube.list("Pod", NAMESPACE, "role=relay"))


def test_an_event_of_the_sdk_goes_through_relay_into_kafka(rig: Rig) -> None:
    with rig.tail("ingest-events") as tail:
        sent = rig.send(RELAY)
        record = tail.find(sent.encode(), WAY_S)
    assert record is not None, said(rig)
    assert b"OrderRejected" in record.value


def envelope(kind: str, event_id: str, payload: Mapping[str, object], **header: object) -> bytes:
    """As SDKs write one: a header, an item's header, the item (develop.sentry.dev, data model of envelopes)."""
    now = datetime.now(UTC).isoformat()
    lines = ({"event_id": event_id, "sent_at": now, **header}, {"type": kind}, payload)
    return "\n".join(json.dumps(line) for line in lines).encode()


def post(rig: Rig, body: bytes) -> int:
    address = rig.dsn(RELAY).reveal()
    request = urllib.request.Request(f"{address.replace(f'{KEY}@', '').removesuffix('/1')}/api/1/envelope/", body, method="POST")
    request.add_header("X-Sentry-Auth", f"Sentry sentry_version=7, sentry_key={KEY}, sentry_client=kit/1")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


NOW = datetime.now(UTC).timestamp()
SPAN = {"trace_id": "c" * 32, "span_id": "d" * 16, "op": "http.server"}
TIMES = {"start_timestamp": NOW - 1, "timestamp": NOW}
FURTHER: dict[str, tuple[str, dict[str, Any]]] = {
    "ingest-transactions": ("transaction", {"type": "transaction", "transaction": "/", **TIMES, "contexts": {"trace": SPAN}}),
    "ingest-monitors": ("check_in", {"monitor_slug": "nightly", "status": "ok", "check_in_id": None}),
    "ingest-feedback-events": ("feedback", {"contexts": {"feedback": {"message": "well", "contact_email": "a@example.org"}}}),
    "ingest-attachments": ("attachment", {"what": "a file"}),
}  # fmt: skip


@pytest.mark.parametrize("topic", FURTHER)
def test_what_else_sdks_send_comes_to_its_own_topic(rig: Rig, topic: str) -> None:
    kind, payload = FURTHER[topic]
    event_id = uuid4().hex
    if kind == "check_in":
        payload = {**payload, "check_in_id": event_id}
    item = envelope(kind, event_id, {"event_id": event_id, **payload} if kind in ("transaction", "feedback") else payload)
    if kind == "attachment":
        item = item.replace(b'"type": "attachment"', b'"type": "attachment", "filename": "a.txt"')
    with rig.tail(topic) as tail:
        assert post(rig, item) == 200
        assert tail.find(event_id.encode(), WAY_S), said(rig)


def test_a_quota_is_counted_in_redis(rig: Rig) -> None:
    """The project takes one error an hour: Relay's scripts run on kit's Valkey, under its ACL."""
    with rig.tail("ingest-events") as tail:
        first = rig.send(RELAY, NARROW_KEY)
        assert tail.find(first.encode(), WAY_S)
        second = until(lambda: refused(rig), WAY_S)  # the first refusal is made behind the answer, and remembered
    assert "429" in str(second)


def refused(rig: Rig) -> str:
    try:
        rig.send(RELAY, NARROW_KEY)
    except DemoNotDelivered as error:
        return f"{error.why} {error.detail}"
    return ""


def test_verify_claims_the_delivery_through_relay_where_one_runs(rig: Rig) -> None:
    """Through HTTPS in front of it, with the stack's own DSN."""
    (claim,) = claims.of_delivery(site.release(rig.local))
    assert claim.claim == "an event reaches Kafka through Relay"
    assert claim.holds, claim.said
    assert re.search(r"event [0-9a-f]{32} in ingest-events \d+:\d+, \d+\.\d s after it was raised", claim.said)


def test_a_delivery_is_seen_from_inside_the_cluster_where_the_brokers_cannot_be_reached(rig: Rig) -> None:
    made = rig.installation
    seen = relay_delivery.deliver_and_look_in_cluster(
        lambda: rig.send(RELAY), made.site.endpoints().kafka, rig.local.kube, rig.local.stack.name, made.site.probe_image()
    )
    assert seen.record is not None
    assert re.fullmatch(r"event [0-9a-f]{32} in ingest-events \d+:\d+", seen.words)
    left = [each["metadata"]["name"] for kind in ("ConfigMap", "Secret") for each in rig.local.kube.list(kind, NAMESPACE)]
    assert relay_delivery.NAME not in left


def test_looking_leaves_no_group_behind(rig: Rig) -> None:
    endpoint = kafka.admin_endpoint(rig.local.endpoints().kafka, rig.local.credentials())
    groups = kafka_admin.connect(endpoint, rig.local.trust()).list_consumer_groups().result()
    assert "kit-looks-on" not in [group.group_id for group in groups.valid]


@pytest.fixture(scope="module")
def made(stages: Mapping[str, Stage]) -> dict[str, Outcome]:
    return stages[LINE].outcomes.result()


@pytest.mark.parametrize("mistake", KNOWN.values(), ids=KNOWN)
def test_relay_makes_of_the_mistake_what_is_known(mistake: Mistake, made: dict[str, Outcome]) -> None:
    outcome = made[mistake.name]
    assert outcome.state == {"ends": "ended"}.get(mistake.relay, mistake.relay), outcome.log
    assert outcome.event == mistake.event
    assert re.search(mistake.says, outcome.log), outcome.log


@pytest.mark.parametrize("mistake", KNOWN.values(), ids=KNOWN)
def test_the_mistake_is_named_before_relay_meets_it(mistake: Mistake, made: dict[str, Outcome]) -> None:
    outcome = made[mistake.name]
    assert outcome.rules or outcome.causes, outcome.log
    assert outcome.rules >= set(mistake.check), outcome.causes
    assert not mistake.preflight or mistake.preflight in outcome.causes, outcome.causes


@pytest.mark.parametrize("mistake", [each for each in KNOWN.values() if each.failure], ids=lambda each: each.name)
def test_what_relay_says_of_it_is_a_known_failure(mistake: Mistake, made: dict[str, Outcome]) -> None:
    outcome = made[mistake.name]
    assert outcome.failure is not None, outcome.log
    assert outcome.failure.failure.id == mistake.failure, outcome.failure.line


def test_the_claim_is_broken_where_relay_is_ready_and_loses_events(rig: Rig, made: dict[str, Outcome]) -> None:
    lossy = f"{RELAY}-kafka-not-validated"
    assert made["kafka-not-validated"].state == "ready"
    seen = relay_delivery.deliver(lambda: rig.send(lossy), rig.local.endpoints().kafka, rig.local.trust(), timeout_s=5)
    assert seen.record is None
    assert f"event {seen.event_id} was accepted and not in ingest-events within 5 s" in seen.words
