"""Kafka by librdkafka, which all components but vroom use, with exactly the options that the component gives it.

librdkafka retries for ever and reports on the side: what it says there (`error_cb`) is the reason, its time-out is not. Which
topics there are and how large a message they take is compared with what the release asks for, and with what the component's own
configuration names. No topic of Sentry's gets a record and no group a member or an offset: records go to `kit-smoke`, and about a
group the broker is asked what one may do with it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kit.endpoints import Trust
from kit.sentry.preflight.clients.contract import (
    NOTE,
    TIMEOUT_S,
    Answer,
    Connection,
    Trouble,
    Wanted,
    Wrong,
    address,
    library,
    token,
)
from kit.stores.wire import kafka as kafka_wire
from kit.stores.wire import tls

SMOKE_TOPIC = "kit-smoke"  # made by kit for this purpose; records are written nowhere else
SIZE = "max.message.bytes"
OWN_SIZE, OWN_DEFAULT = "message.max.bytes", 1_000_000  # the client's own limit; librdkafka's CONFIGURATION.md
OVERHEAD_BYTES = 1024  # of a record in its batch, generously
LARGEST_TIMEOUT_S = 20  # 50 MiB and TLS on a slow line
STEP_S = 0.4
AFTER = re.compile(
    r"[ ]?\(after \d+ms in state \w+(, \d+ identical error\(s\) suppressed)?\)"
)  # the same trouble, the same words
NOT_FOR_ADMIN = ("compression.type", "acks", "linger.ms", "batch.size", "message.timeout.ms", "request.timeout.ms")


class Quiet:
    """A logger that takes librdkafka's words and keeps them."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, level: int, message: str, *arguments: Any) -> None:
        self.said.append(message % arguments if arguments else message)


def ask(connection: Connection, write: bool, wanted: Wanted) -> Answer:
    options = _options(connection)
    errors: list[Any] = []
    quiet = Quiet()
    kafka = library("confluent_kafka.admin")
    try:
        admin = kafka.AdminClient({**options, "error_cb": errors.append, "logger": quiet})
    except library("confluent_kafka").KafkaException as error:
        raise _understood(str(error), quiet.said) from error
    try:
        found = _metadata(admin, errors, quiet)
    except Wrong as wrong:
        raise _nonce(wrong, connection) if write and wrong.cause == "password" else wrong from wrong
    if not write:
        return Answer(f"{len(found)} topics seen")
    troubles = [*_missing(found, wanted), *_sizes(admin, kafka, found, wanted.topics), *_groups(admin, connection, wanted)]
    did = f"{len(found)} topics seen"
    if SMOKE_TOPIC not in found:
        return Answer(did, (*troubles, Trouble(NOTE, f"no record written: there is no topic {SMOKE_TOPIC}")))
    _roundtrip(options, token().encode(), TIMEOUT_S)
    did += ", a record written and read back"
    if wanted.largest_record:
        size = _largest(options, wanted.topics)
        troubles += _large(options, size)
        did += f", one of {size} bytes too"
    return Answer(did, tuple(troubles))


def _options(connection: Connection) -> dict[str, Any]:
    """The component's own; vroom's Go client has no librdkafka names for the login, and its settings are turned into them."""
    options = {key: value for key, value in connection["options"].items() if value not in (None, "")}
    if connection["client"] == "segmentio-kafka":
        options["bootstrap.servers"] = ",".join(f"{host}:{port}" for host, port in connection["addresses"])
        options |= {"sasl.username": connection["user"], "sasl.password": connection["password"]}
        if connection["tls"]["ca"]:
            options["ssl.ca.location"] = connection["tls"]["ca"]
    if (
        connection["tls"]["ca_from"] == "SSL_CERT_FILE"
    ):  # taskbroker's librdkafka reads it; the wheel's, in its place here, does not
        options.setdefault("ssl.ca.location", connection["tls"]["ca"])
    return {key: value for key, value in options.items() if value is not None and key not in NOT_FOR_ADMIN}


def _metadata(admin: Any, errors: list[Any], quiet: Quiet) -> Mapping[str, Any]:
    failure = library("confluent_kafka").KafkaException
    end = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return admin.list_topics(timeout=STEP_S).topics  # type: ignore[no-any-return]
        except failure as error:
            admin.poll(0)
            telling = [each for each in errors if each.name() in ("_SSL", "_AUTHENTICATION", "_RESOLVE")]
            if telling:
                raise _understood(telling[0].str(), quiet.said) from error
            if time.monotonic() > end:
                raise _understood(str(errors[-1].str() if errors else error), quiet.said) from error


def _understood(told: str, logged: list[str]) -> Exception:
    said = AFTER.sub("", told)
    text = said + " " + " ".join(logged[-3:])
    for words, cause in (
        ("Unsupported SASL mechanism", "mechanism"),
        ("UnsupportedSaslMechanism", "mechanism"),
        ("not enabled on the server", "mechanism"),
        ("SASL authentication error", "password"),
        ("Authentication failed", "password"),
        ("ssl.ca.location", "ca-missing"),
        ("certificate verify failed", "unknown-ca"),
        ("Failed to resolve", "unresolved"),
        ("Connection refused", "unreachable"),
    ):
        if words in text:
            return Wrong(cause, said)
    return Wrong("kafka", said)


def _nonce(wrong: Wrong, connection: Connection) -> Wrong:
    """librdkafka before 2.6.1 sends its half of SCRAM's nonce twice, and Kafka 4 takes that for a wrong one: librdkafka#4895.

    kit's own login, which sends it once, tells the one from the other.
    """
    ca, (host, port) = connection["tls"]["ca"], address(connection)
    try:
        with tls.handshake(host, port, Trust(Path(ca or "")), timeout_s=TIMEOUT_S) as wire:
            kafka_wire.log_in(wire, connection["user"] or "", connection["password"] or "")
    except (OSError, tls.LoginRefused, tls.ProtocolBroken):
        return wrong
    version = library("confluent_kafka").libversion()[0]
    return Wrong("scram-nonce", f"librdkafka {version}: the password is right, {wrong.said}")


def _missing(found: Mapping[str, Any], wanted: Wanted) -> list[Trouble]:
    """In no list of kit's: no `kit topics` will make it."""
    named = {each.name: each for each in wanted.named if each.name not in found}
    unlisted = [f"{name} ({each.role} by {each.use})" for name, each in sorted(named.items()) if name not in wanted.topics]
    listed = sorted(name for name in wanted.topics if name not in found)
    said = [name + (f" ({named[name].role} by {named[name].use})" if name in named else "") for name in listed]
    troubles = [Trouble("unlisted-topic", ", ".join(unlisted[:5]))] if unlisted else []
    return [*troubles, Trouble("missing-topic", f"{len(said)} missing: {', '.join(said[:5])}")] if said else troubles


def _sizes(admin: Any, kafka: Any, found: Mapping[str, Any], topics: Mapping[str, Mapping[str, str]]) -> list[Trouble]:
    there = [name for name in topics if name in found and SIZE in topics[name]]
    if not there:
        return []
    asked = admin.describe_configs([kafka.ConfigResource("topic", name) for name in there], request_timeout=TIMEOUT_S)
    small = []
    for resource, answer in asked.items():
        try:
            actual = int(answer.result()[SIZE].value)
        except library("confluent_kafka").KafkaException as error:  # a right that Sentry does not need
            return [Trouble(NOTE, f"sizes of topics not compared: {error.args[0].str()}")]
        if actual < int(topics[resource.name][SIZE]):
            small.append(f"{resource.name} takes {actual} bytes, wanted {topics[resource.name][SIZE]}")
    return [Trouble("topic-too-small", "; ".join(sorted(small)[:3]))] if small else []


def _groups(admin: Any, connection: Connection, wanted: Wanted) -> list[Trouble]:
    """Whether this login may join the groups, by the broker's own word: joining would disturb the consumers that are in them."""
    if not wanted.groups or connection["use"].endswith((" producers", " admin")):
        return []
    codes, reading = library("confluent_kafka").KafkaError, library("confluent_kafka.admin").AclOperation.READ
    denied, odd = [], []
    for name, (allowed, refusal) in _rights(admin, wanted.groups).items():
        if refusal is not None and refusal.code() == codes.GROUP_AUTHORIZATION_FAILED:
            denied.append(f"{name}: {refusal.str() or refusal.name()}")
        elif refusal is not None and refusal.code() != codes.GROUP_ID_NOT_FOUND:  # not there yet: its first member makes it
            odd.append(f"{name}: {refusal.str()} {refusal.name()}")
        elif refusal is None and allowed is not None and reading not in allowed:
            denied.append(f"{name}: it may be looked at and not joined")
    troubles = [Trouble("group-denied", "; ".join(sorted(denied)[:3]))] if denied else []
    return [*troubles, Trouble(NOTE, f"groups not seen: {'; '.join(sorted(odd)[:3])}")] if odd else troubles


def _rights(admin: Any, groups: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """Group → what may be done with it, or the refusal. A young broker makes the topic for offsets when it is first asked."""
    codes = library("confluent_kafka").KafkaError
    young = (codes.COORDINATOR_NOT_AVAILABLE, codes.COORDINATOR_LOAD_IN_PROGRESS, codes.NOT_COORDINATOR)
    end = time.monotonic() + TIMEOUT_S
    found: dict[str, tuple[Any, Any]] = {}
    while True:
        open_ones = [name for name in groups if name not in found or (found[name][1] and found[name][1].code() in young)]
        if not open_ones or time.monotonic() > end:
            return found
        if found:
            time.sleep(STEP_S)
        asked = admin.describe_consumer_groups(open_ones, include_authorized_operations=True, request_timeout=TIMEOUT_S)
        for name, answer in asked.items():
            try:
                found[name] = (answer.result().authorized_operations, None)
            except library("confluent_kafka").KafkaException as error:
                found[name] = (None, error.args[0])


# ── a record there and back ────────────────────────────────────────────────────────────────────────────────────────────────


def _largest(options: Mapping[str, Any], topics: Mapping[str, Mapping[str, str]]) -> int:
    """What the topics promise, as far as this client's own limit lets it use that."""
    promised = max((int(settings[SIZE]) for settings in topics.values() if SIZE in settings), default=OWN_DEFAULT)
    return min(promised, int(options.get(OWN_SIZE, OWN_DEFAULT))) - OVERHEAD_BYTES


def _large(options: Mapping[str, Any], size: int) -> list[Trouble]:
    mark = token().encode()
    try:
        _roundtrip(options, mark + bytes(size - len(mark)), LARGEST_TIMEOUT_S)
    except Wrong as wrong:
        return [Trouble("record-too-large", f"{size} bytes: {wrong.said}")]
    return []


def _roundtrip(options: Mapping[str, Any], value: bytes, timeout_s: float) -> None:
    kafka, quiet = library("confluent_kafka"), Quiet()
    place = _written(kafka.Producer({**options, "logger": quiet}), value, timeout_s)
    consumer = kafka.Consumer({**options, "group.id": SMOKE_TOPIC, "enable.auto.commit": False, "logger": quiet})
    try:
        consumer.assign([kafka.TopicPartition(SMOKE_TOPIC, *place)])
        read = consumer.poll(timeout_s)
    finally:
        consumer.close()
    if read is None or read.error() or read.value() != value:
        raise Wrong(
            "roundtrip", read.error().str() if read is not None and read.error() else "the record did not come back in time"
        )


def _written(producer: Any, value: bytes, timeout_s: float) -> tuple[int, int]:
    """Partition and offset. The delivered record is not kept: it may be large, and holds the value once more."""
    told: list[tuple[Any, tuple[int, int]]] = []

    def tell(error: Any, record: Any) -> None:
        told.append((error, (record.partition(), record.offset())))

    try:
        producer.produce(SMOKE_TOPIC, value=value, on_delivery=tell)
    except library("confluent_kafka").KafkaException as error:  # too large for this client's own limit
        raise Wrong("denied", error.args[0].str()) from error
    producer.flush(timeout_s)
    if not told:
        producer.purge()
        raise Wrong("denied", f"the broker did not take a record within {timeout_s} s")
    refused, place = told[0]
    if refused:
        raise Wrong("denied", refused.str())
    return place
