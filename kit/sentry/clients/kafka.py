"""Kafka by librdkafka, which all components but vroom use, with exactly the options that the component gives it.

librdkafka retries for ever and reports on the side: what it says there (`error_cb`) is the reason, its time-out is not. Which
topics there are and how large a message they take is compared with what the release asks for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.endpoints import Trust
from kit.sentry.clients.contract import TIMEOUT_S, Answer, Connection, Wrong, address, library, token
from kit.stores import kafka_wire, tls

SMOKE_TOPIC = "kit-smoke"  # made by kit for this purpose; records are written nowhere else
SIZE = "max.message.bytes"
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


def ask(connection: Connection, write: bool, wanted: Mapping[str, Any]) -> Answer:
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
    troubles = _compared(admin, kafka, found, wanted.get("topics") or {})
    did = f"{len(found)} topics seen"
    if SMOKE_TOPIC in found:
        _roundtrip(options)
        did += ", a record written and read back"
    return Answer(did, troubles)


def _options(connection: Connection) -> dict[str, Any]:
    """The component's own; vroom's Go client has no librdkafka names for the login, and its settings are turned into them."""
    options = {key: value for key, value in connection["options"].items() if value not in (None, "")}
    if connection["client"] == "segmentio-kafka":
        options["bootstrap.servers"] = ",".join(f"{host}:{port}" for host, port in connection["addresses"])
        options |= {"sasl.username": connection["user"], "sasl.password": connection["password"]}
        if connection["tls"]["ca"]:
            options["ssl.ca.location"] = connection["tls"]["ca"]
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


def _compared(
    admin: Any, kafka: Any, found: Mapping[str, Any], topics: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[str, str], ...]:
    missing = sorted(name for name in topics if name not in found)
    troubles = [("missing-topic", f"{len(missing)} missing: {', '.join(missing[:5])}")] if missing else []
    there = [name for name in topics if name in found and SIZE in topics[name]]
    if not there:
        return tuple(troubles)
    asked = admin.describe_configs([kafka.ConfigResource("topic", name) for name in there], request_timeout=TIMEOUT_S)
    small = []
    for resource, answer in asked.items():
        try:
            actual = int(answer.result()[SIZE].value)
        except library("confluent_kafka").KafkaException as error:  # a right that Sentry does not need
            return (*troubles, ("note", f"sizes of topics not compared: {error.args[0].str()}"))
        if actual < int(topics[resource.name][SIZE]):
            small.append(f"{resource.name} takes {actual} bytes, wanted {topics[resource.name][SIZE]}")
    if small:
        troubles.append(("topic-too-small", "; ".join(sorted(small)[:3])))
    return tuple(troubles)


def _roundtrip(options: Mapping[str, Any]) -> None:
    kafka = library("confluent_kafka")
    value, quiet = token().encode(), Quiet()
    told: list[tuple[Any, Any]] = []
    producer = kafka.Producer({**options, "logger": quiet})
    producer.produce(SMOKE_TOPIC, value=value, on_delivery=lambda error, record: told.append((error, record)))
    producer.flush(TIMEOUT_S)
    if not told or told[0][0]:
        raise Wrong("denied", told[0][0].str() if told else "the broker did not take a record in time")
    record = told[0][1]
    consumer = kafka.Consumer({**options, "group.id": SMOKE_TOPIC, "enable.auto.commit": False, "logger": quiet})
    try:
        consumer.assign([kafka.TopicPartition(SMOKE_TOPIC, record.partition(), record.offset())])
        read = consumer.poll(TIMEOUT_S)
    finally:
        consumer.close()
    if read is None or read.error() or read.value() != value:
        raise Wrong(
            "roundtrip", read.error().str() if read is not None and read.error() else "the record did not come back in time"
        )
