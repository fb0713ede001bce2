"""Kafka on the stack's one broker: SCRAM users with ACLs, and topics with all their settings.

One broker can hold one replica of anything. A topic that wants three replicas and two in sync is made with one and one: with its
own figures every write with `acks=all` would be refused. The API keeps and shows what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ResourcePatternType,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
)

from kit import cancel
from kit.stores import kafka as store
from kit.stores import kafka_admin, kafka_topics
from kit.stores.contract import NotYet, Ready, StoreError
from kit.stores.kafka_admin import finish
from kit.stores.wire.tls import Deadline
from kit.yandex.backing.managed import PartVerbs
from kit.yandex.contract import Cluster, Grant, Inventory, NotPossible, Topic, User

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget
    from kit.yandex.backing.stack import BackingStack

TIMEOUT_S = 15.0
LOOK_TIMEOUT_S = 3.0
POLL_S = 0.02
REPLICAS_IN_SYNC = "min.insync.replicas"
BROKER_OWN = "__"

# The cluster's settings that a broker takes while it runs: the API's name → the broker's. The others are kept by the API alone.
SETTINGS: Mapping[str, str] = {
    name: name.replace("_", ".")
    for name in (
        "compression_type",
        "log_flush_interval_messages",
        "log_flush_interval_ms",
        "log_retention_bytes",
        "log_retention_ms",
        "log_segment_bytes",
        "message_max_bytes",
    )
}

# Role → (resource, operation) on the topic it is given for, and what a client needs beside it.
ON_TOPIC: Mapping[str, tuple[str, ...]] = {
    "PRODUCER": ("WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"),
    "CONSUMER": ("READ", "DESCRIBE", "DESCRIBE_CONFIGS"),
    "ADMIN": ("ALL",),
}
BESIDE: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "PRODUCER": (("TRANSACTIONAL_ID", "*", "WRITE"), ("BROKER", "kafka-cluster", "IDEMPOTENT_WRITE")),
    "CONSUMER": (("GROUP", "*", "READ"),),
    "ADMIN": (
        ("GROUP", "*", "ALL"),
        ("TRANSACTIONAL_ID", "*", "ALL"),
        ("BROKER", "kafka-cluster", "IDEMPOTENT_WRITE"),
        ("BROKER", "kafka-cluster", "DESCRIBE"),
    ),
}


class Kafka:
    """`Managed` for Kafka."""

    store = store.NAME

    def __init__(self, stack: BackingStack) -> None:
        self._stack = stack
        self.parts: PartVerbs = {Topic: (self._put_topic, self._remove_topic), User: (self._put_user, self._remove_user)}
        self._admin: tuple[int, AdminClient] | None = None

    def put(self, cluster: Cluster) -> None:
        self._stack.put_store(self.store, _answers)
        self._take(cluster.settings)

    def forget(self) -> None:
        self._admin = None

    def observe(self) -> Inventory:
        """The topics and users; without them where the broker does not answer at this moment."""
        admin = self._connected()
        try:
            topics = frozenset(
                name for name in admin.list_topics(timeout=LOOK_TIMEOUT_S).topics if not name.startswith(BROKER_OWN)
            )
            users = _users(admin)
        except (KafkaException, StoreError):
            self.forget()
            return Inventory(exists=True)
        return Inventory(exists=True, topics=topics, users=users - {store.ADMIN})

    # -- topics

    def _put_topic(self, topic: Topic) -> None:
        admin, wanted = self._connected(), kafka_topics.Topic(topic.name, topic.partitions, _possible(topic))
        present = admin.list_topics(timeout=TIMEOUT_S).topics
        if topic.name not in present:
            kafka_topics.create(admin, [wanted])
            _until(lambda: topic.name in admin.list_topics(timeout=TIMEOUT_S).topics)
            return
        resource = ConfigResource(ResourceType.TOPIC, topic.name)
        (held,) = finish("reading a topic's settings", admin.describe_configs([resource]).values())
        settings = {name: entry.value or "" for name, entry in held.items()}
        there = kafka_topics.Topic(topic.name, len(present[topic.name].partitions), settings)
        kafka_topics.mend(admin, kafka_topics.compare([wanted], [there]))
        own = [name for name, entry in held.items() if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value]
        if surplus := [name for name in own if name not in wanted.settings]:  # these go back to the broker's default
            changes = [ConfigEntry(name, None, incremental_operation=AlterConfigOpType.DELETE) for name in surplus]
            change = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=changes)
            finish("setting a topic", admin.incremental_alter_configs([change]).values())

    def _remove_topic(self, name: str) -> None:
        admin = self._connected()
        if name in admin.list_topics(timeout=TIMEOUT_S).topics:
            kafka_topics.delete(admin, [name])
            _until(lambda: name not in admin.list_topics(timeout=TIMEOUT_S).topics)

    # -- users

    def _put_user(self, user: User) -> None:
        admin = self._connected()
        kafka_admin.set_password(admin, user.name, user.password)
        _until(lambda: user.name in _users(admin))
        wanted = _bindings(user.name, user.grants)
        (held,) = finish("reading rights", [admin.describe_acls(kafka_admin.all_of(user.name))])
        if lacking := [binding for binding in wanted if binding not in held]:
            finish("granting rights", admin.create_acls(lacking).values())
        if surplus := [_filter(binding) for binding in held if binding not in wanted]:
            finish("taking rights back", admin.delete_acls(surplus).values())

    def _remove_user(self, name: str) -> None:
        admin = self._connected()
        finish("taking rights back", admin.delete_acls([kafka_admin.all_of(name)]).values())
        if name in _users(admin):
            change = UserScramCredentialDeletion(name, ScramMechanism.SCRAM_SHA_512)
            finish("removing a user", admin.alter_user_scram_credentials([change]).values())
            _until(lambda: name not in _users(admin))

    # -- the broker

    def _take(self, settings: Mapping[str, str | int | float | bool]) -> None:
        entries = [
            ConfigEntry(SETTINGS[name], _text(value), incremental_operation=AlterConfigOpType.SET)
            for name, value in settings.items()
            if name in SETTINGS
        ]
        if entries:
            order = ConfigResource(ResourceType.BROKER, kafka_admin.NODE_ID, incremental_configs=entries)
            finish("setting the broker", self._connected().incremental_alter_configs([order]).values())

    def _connected(self) -> AdminClient:
        """The one client for all calls: each has threads and a login of its own."""
        local = self._stack.local()
        endpoint = store.admin_endpoint(local.endpoints().kafka, local.credentials())
        if self._admin is None or self._admin[0] != endpoint.port:
            self._admin = (endpoint.port, kafka_admin.connect(endpoint, local.trust()))
        return self._admin[1]


def _answers(local: LocalTarget) -> Ready | NotYet:
    return store.probe(store.admin_endpoint(local.endpoints().kafka, local.credentials()), local.trust())


def _until(is_seen: Callable[[], bool]) -> None:
    """Wait until the broker shows a change that the controller has taken already."""
    deadline = Deadline(TIMEOUT_S)
    while not is_seen():
        cancel.wait(min(POLL_S, deadline.remaining_s()))


def _users(admin: AdminClient) -> frozenset[str]:
    asked: Any = admin.describe_user_scram_credentials()  # of everyone: one answer for all
    (described,) = finish("listing users", [asked])
    return frozenset(described)


def _possible(topic: Topic) -> Mapping[str, str]:
    """The topic's settings, as far as one broker can have them."""
    return {name: "1" if name == REPLICAS_IN_SYNC else value for name, value in topic.config.items()}


def _text(value: str | int | float | bool) -> str:
    """A setting as a broker reads it: `COMPRESSION_TYPE_ZSTD` is `zstd`."""
    return str(value).removeprefix("COMPRESSION_TYPE_").lower()


def _bindings(username: str, grants: tuple[Grant, ...]) -> list[AclBinding]:
    """The ACLs of a user, each once, in a fixed order."""
    rights = [
        right
        for grant in grants
        for role in (_role(grant),)
        for right in (*((("TOPIC", grant.subject, operation)) for operation in ON_TOPIC[role]), *BESIDE[role])
    ]
    return [
        AclBinding(
            ResourceType[resource],
            name,
            ResourcePatternType.LITERAL,
            f"User:{username}",
            "*",
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        for resource, name, operation in dict.fromkeys(rights)
    ]


def _role(grant: Grant) -> str:
    """PRODUCER, CONSUMER or ADMIN of `ACCESS_ROLE_TOPIC_CONSUMER`; the others are for a schema registry, and there is none."""
    role = grant.role.removeprefix("ACCESS_ROLE_").removeprefix("TOPIC_")
    if role not in ON_TOPIC:
        raise NotPossible(subject=f"role {role} on {grant.subject}", why="there is no schema registry behind this emulator")
    return role


def _filter(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )
