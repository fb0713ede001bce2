"""What kit changes inside Kafka, through librdkafka's admin client: Sentry's login and its rights.

The rights are a list of data. Sentry reads and writes every topic of this broker, which serves nothing else; it cannot make
topics, change their settings or read the broker's own. The topics come from Sentry's own schemas (`kafka_topics`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from kit.endpoints import KafkaEndpoint, Secret, Trust
from kit.stores.contract import StoreError
from kit.stores.wire.kafka import MECHANISM

REQUEST_TIMEOUT_S = 15.0
NODE_ID = "1"  # compose/kafka/config/server.properties
SCRAM_ITERATIONS = 4096  # the least that Kafka takes; the passwords are random and long

# librdkafka writes to stderr unless a logger is given. What matters comes back as an exception. It is not in the tree of
# loggers, so that nobody's root handler prints it.
QUIET = logging.Logger("librdkafka")
QUIET.addHandler(logging.NullHandler())

# (resource, name, pattern, operation, permission). READ and WRITE include DESCRIBE.
RIGHTS = (
    ("TOPIC", "*", "LITERAL", "READ", "ALLOW"),
    ("TOPIC", "*", "LITERAL", "WRITE", "ALLOW"),
    ("TOPIC", "*", "LITERAL", "DESCRIBE_CONFIGS", "ALLOW"),
    ("TOPIC", "__", "PREFIXED", "ALL", "DENY"),  # __consumer_offsets and its like: the broker's own
    ("GROUP", "*", "LITERAL", "READ", "ALLOW"),
    ("TRANSACTIONAL_ID", "*", "LITERAL", "WRITE", "ALLOW"),
    ("BROKER", "kafka-cluster", "LITERAL", "IDEMPOTENT_WRITE", "ALLOW"),  # librdkafka's name for the cluster is BROKER
    ("BROKER", "kafka-cluster", "LITERAL", "DESCRIBE", "ALLOW"),
)


def settings(endpoint: KafkaEndpoint, trust: Trust) -> dict[str, Any]:
    """librdkafka's settings for one login; the certificate's chain and name are verified."""
    return {
        "bootstrap.servers": f"{endpoint.host}:{endpoint.port}",
        "client.id": "kit",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": MECHANISM,
        "sasl.username": endpoint.username,
        "sasl.password": endpoint.password.reveal(),
        "ssl.ca.location": str(trust.ca_file),
        "ssl.endpoint.identification.algorithm": "https",
        "broker.address.family": "v4" if endpoint.host == "127.0.0.1" else "any",
        "socket.connection.setup.timeout.ms": 5000,
    }


def connect(endpoint: KafkaEndpoint, trust: Trust) -> AdminClient:
    """Its threads end with the object."""
    return AdminClient(settings(endpoint, trust), logger=QUIET)


def set_password(admin: AdminClient, username: str, password: Secret) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
    change = UserScramCredentialUpsertion(username, info, password.reveal().encode())
    finish("setting the password of a user", admin.alter_user_scram_credentials([change]).values())


def grant(admin: AdminClient, username: str) -> int:
    """Give the user the rights that it lacks, in one request; returns how many these were."""
    (held,) = finish("reading rights", [admin.describe_acls(all_of(username))])
    lacking = [right for right in _wanted(username) if right not in held]
    if lacking:
        finish("granting rights", admin.create_acls(lacking).values())
    return len(lacking)


def finish(doing: str, futures: Iterable[Future[Any]]) -> list[Any]:
    """All results, or the first failure in the broker's words."""
    try:
        return [future.result(REQUEST_TIMEOUT_S) for future in futures]
    except TimeoutError as error:
        raise StoreError("kafka", doing, f"no answer within {REQUEST_TIMEOUT_S:g} s") from error
    except KafkaException as error:
        raise StoreError("kafka", doing, error.args[0].str() if error.args else error) from error


def _wanted(username: str) -> list[AclBinding]:
    return [
        AclBinding(
            ResourceType[resource],
            name,
            ResourcePatternType[pattern],
            f"User:{username}",
            "*",
            AclOperation[operation],
            AclPermissionType[permission],
        )
        for resource, name, pattern, operation, permission in RIGHTS
    ]


def all_of(username: str) -> AclBindingFilter:
    anything: Any = None  # librdkafka's word for any name and any host; its type hints do not know it
    principal = f"User:{username}"
    return AclBindingFilter(
        ResourceType.ANY, anything, ResourcePatternType.ANY, principal, anything, AclOperation.ANY, AclPermissionType.ANY
    )
