"""Kafka: one KRaft node, SASL_SSL with SCRAM-SHA-512 for everyone who comes from outside, rights by ACL.

Topics are never made by a client's typing error: those of Sentry's own schemas are made in one request (`kafka_topics`), and
Sentry's user may not create any. Two listeners for clients, because a broker sends each client on to the address of the listener
it came through: `kafka:9091` on the stores' network, 127.0.0.1 and the published port on this computer.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Mapping
from typing import Any

from kit.endpoints import KafkaEndpoint, Secret, Trust
from kit.stores.contract import PROBE_TIMEOUT_S, Credentials, InClear, NotYet, Port, Preamble, Ready, Roundtrip, StoreError
from kit.stores.wire import kafka as wire
from kit.stores.wire.tls import Deadline, LoginRefused, handshake, not_yet

NAME = "kafka"
SETUP = 1  # version of what `bootstrap` makes; tests/setups.yaml tells when it must be another one
PORTS = (Port("sasl", 9091, 19091),)
PREAMBLE: Preamble | None = None
# ApiVersions 0, request 1, client "kit", which a listener in clear answers to anyone (kafka.apache.org/protocol).
IN_CLEAR = InClear(b"\x00\x00\x00\x0d\x00\x12\x00\x00\x00\x00\x00\x01\x00\x03kit")

ADMIN = "admin"  # made by the format at the first start, in compose/kafka/config/start.sh
SENTRY = "sentry"
SMOKE_TOPIC = "kit-smoke"
SMOKE_TIMEOUT_S = 15.0


def names() -> tuple[str, ...]:
    return ("kafka", "localhost", "127.0.0.1", "::1")


def mounted_secrets(credentials: Credentials) -> Mapping[str, str]:
    """Read once, by the format. Sentry's own password never enters the container: `bootstrap` sets it."""
    return {"admin-password": credentials.kafka_admin.reveal()}


def endpoint(host: str, ports: Mapping[str, int], credentials: Credentials) -> KafkaEndpoint:
    return KafkaEndpoint(host, ports["sasl"], SENTRY, credentials.kafka_sentry)


def with_password(endpoint: KafkaEndpoint, password: Secret) -> KafkaEndpoint:
    return dataclasses.replace(endpoint, password=password)


def probe(endpoint: KafkaEndpoint, trust: Trust) -> Ready | NotYet:
    started = time.monotonic()
    try:
        with handshake(endpoint.host, endpoint.port, trust, timeout_s=PROBE_TIMEOUT_S) as connection:
            wire.log_in(connection, endpoint.username, endpoint.password.reveal())
            brokers = wire.brokers(connection)
            remaining_s = connection.deadline.remaining_s()
        if complaint := _complaint(endpoint, brokers, trust, remaining_s):
            return complaint
        return Ready(connection.tls, (time.monotonic() - started) * 1000)
    except Exception as error:
        return not_yet(error)


def _complaint(endpoint: KafkaEndpoint, brokers: tuple[wire.Broker, ...], trust: Trust, timeout_s: float) -> NotYet | None:
    """A client works with the addresses that it is sent on to: a login at another address says nothing about those."""
    if not brokers:
        return NotYet("protocol", "it knows of no broker yet")
    if wire.Broker(endpoint.host, endpoint.port) in brokers:
        return None
    other = brokers[0]
    try:
        with handshake(other.host, other.port, trust, timeout_s=timeout_s):
            return None
    except Exception as error:
        failed = not_yet(error)
        return NotYet(failed.cause, f"it sends clients on to {other.host}:{other.port}: {failed.reason}")


def bootstrap(endpoint: KafkaEndpoint, credentials: Credentials, trust: Trust) -> tuple[str, ...]:
    """Sentry's login, its rights, and the topic of `smoke`; what is there and right is left as it is."""
    from kit.stores import kafka_admin, kafka_topics

    try:
        admin = kafka_admin.connect(admin_endpoint(endpoint, credentials), trust)
        made = []
        if not _accepts(endpoint, trust):
            kafka_admin.set_password(admin, endpoint.username, endpoint.password)
            made.append(f"user {endpoint.username}")
        if count := kafka_admin.grant(admin, endpoint.username):
            made.append(f"{count} rights")
        return (*made, *kafka_topics.mend_own(admin))
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(NAME, "setting it up", error) from error


def admin_endpoint(endpoint: KafkaEndpoint, credentials: Credentials) -> KafkaEndpoint:
    """The same broker, as the user that may change it."""
    return dataclasses.replace(endpoint, username=ADMIN, password=credentials.kafka_admin)


def _accepts(endpoint: KafkaEndpoint, trust: Trust) -> bool:
    try:
        with handshake(endpoint.host, endpoint.port, trust) as connection:
            wire.log_in(connection, endpoint.username, endpoint.password.reveal())
            return True
    except LoginRefused:
        return False


def client_env(endpoint: KafkaEndpoint, trust: Trust) -> Mapping[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": f"{endpoint.host}:{endpoint.port}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": wire.MECHANISM,
        "KAFKA_SASL_USERNAME": endpoint.username,
        "KAFKA_SASL_PASSWORD": endpoint.password.reveal(),
        "KAFKA_SSL_CA_LOCATION": str(trust.ca_file),
    }


def smoke(endpoint: KafkaEndpoint, trust: Trust) -> Roundtrip:
    """A record, written and read back by librdkafka, its offset committed. Retention removes it: Sentry's user may not."""
    from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

    from kit.stores import kafka_admin

    started = time.monotonic()
    deadline = Deadline(SMOKE_TIMEOUT_S)
    settings, quiet = kafka_admin.settings(endpoint, trust), kafka_admin.QUIET
    value = secrets.token_bytes(16)
    try:
        written = _written(Producer({**settings, "enable.idempotence": True}, logger=quiet), value, deadline)
        group = {"group.id": SMOKE_TOPIC, "enable.auto.commit": False}
        consumer = Consumer({**settings, **group}, logger=quiet)
        try:
            place = TopicPartition(SMOKE_TOPIC, written.partition(), written.offset())
            consumer.assign([place])
            record = consumer.poll(deadline.remaining_s())
            if record is None or record.error() or record.value() != value:
                raise StoreError(NAME, "reading a record back", record.error() if record else "no record in time")
            consumer.commit(message=record, asynchronous=False)
        finally:
            consumer.close()
    except (KafkaException, OSError) as error:
        raise StoreError(NAME, "writing and reading a record", error) from error
    what = f"record {written.offset()} of topic {SMOKE_TOPIC} written, read back and committed"
    return Roundtrip(what, (time.monotonic() - started) * 1000)


def _written(producer: Any, value: bytes, deadline: Deadline) -> Any:
    """The delivered record; librdkafka tells of it in a callback."""
    told: list[tuple[Any, Any]] = []
    producer.produce(SMOKE_TOPIC, value=value, on_delivery=lambda error, record: told.append((error, record)))
    producer.flush(deadline.remaining_s())
    if not told:
        producer.purge()
        raise StoreError(NAME, "writing a record", "no answer in time")
    ((error, record),) = told
    if error:
        raise StoreError(NAME, "writing a record", error)
    return record
