"""Managed Kafka: brokers by zone, topics with Kafka's own settings, users with roles on topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.yandex import contract, refusal
from kit.yandex.contract import Engine
from kit.yandex.engine import descriptors
from kit.yandex.engine.fields import set_defaults
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext
from kit.yandex.managed import clusters
from kit.yandex.managed.hosts import place_host
from kit.yandex.managed.parts import NewPart, Parts
from kit.yandex.managed.product import Product, set_values
from kit.yandex.managed.users import users
from kit.yandex.rules import hosts as rules
from kit.yandex.rules.hosts import HostGroup

BROKER = 1
ROLE_PREFIX = "ACCESS_ROLE_"


def register(registry: Registry) -> None:
    clusters.register(registry, PRODUCT, CLUSTERS, TOPICS, USERS)
    TOPICS.register(registry)
    USERS.register(registry)


def _configure(context: MutationContext) -> None:
    config = context.message.config
    config.access.SetInParent()
    set_defaults(config, brokers_count=1)
    if config.kraft.resources.resource_preset_id:
        raise refusal.invalid("config_spec.kraft", "this emulator knows KRaft's combined mode only, without hosts of its own")
    if not config.zone_id:
        raise refusal.invalid("config_spec.zone_id", "at least one zone must be given")
    rules.check_kafka(config.zone_id, config.brokers_count.value)
    if config.kafka.WhichOneof("kafka_config") is None:
        getattr(config.kafka, _field(config.version)).SetInParent()


def _hosts(context: MutationContext) -> list[Any]:
    config = context.message.config
    subnets = {record.key: record.message for record in context.journal.all("vpc.v1.Subnet")}
    chosen = {subnets[key].zone_id: key for key in context.request.subnet_id}
    hosts = []
    for zone in config.zone_id:
        for _ in range(config.brokers_count.value):
            host = place_host(context, PRODUCT, zone, chosen.get(zone, ""))
            host.role, host.assign_public_ip = BROKER, config.assign_public_ip
            hosts.append(host)
    return hosts


def _settings(message: Any) -> Mapping[str, Any]:
    which = message.config.kafka.WhichOneof("kafka_config")
    return set_values(getattr(message.config.kafka, which)) if which else {}


PRODUCT = Product(
    engine=Engine.KAFKA,
    configure=_configure,
    hosts=_hosts,
    settings=_settings,
    resources=lambda message: message.config.kafka.resources,
    groups=lambda message, hosts: [
        HostGroup("config_spec.kafka.resources", message.config.kafka.resources, hosts, message.config.disk_size_autoscaling)
    ],
    check=lambda message, hosts: rules.check_kafka(message.config.zone_id, message.config.brokers_count.value),
)


def _complete_topic(new: NewPart) -> None:
    topic, brokers = new.message, len(new.cluster.hosts)
    set_defaults(topic, partitions=1, replication_factor=1)
    if topic.partitions.value < 1:
        raise refusal.invalid(f"{new.path}.partitions", "at least one partition is needed")
    if not 1 <= topic.replication_factor.value <= brokers:
        raise refusal.invalid(f"{new.path}.replication_factor", f"it must be between 1 and the number of brokers, {brokers}")


def _refuse_if_unmanaged(new: NewPart) -> None:
    if new.owner.config.unmanaged_topics:
        raise refusal.precondition("topics of this cluster are managed by its users (unmanaged_topics)")


def _change_topic(context: MutationContext) -> None:
    before = context.state.find(TOPICS.message, context.plan.primary.key, "Topic").message
    if context.message.partitions.value < before.partitions.value:
        raise refusal.invalid("topic_spec.partitions", "the number of partitions can only grow")
    TOPICS.replace(context)


def topic_of(message: Any, extra: Mapping[str, Any]) -> contract.Topic:
    """A topic with Kafka's own names of settings: retention_ms → retention.ms, CLEANUP_POLICY_DELETE → delete."""
    which = message.WhichOneof("topic_config")
    settings = set_values(getattr(message, which)) if which else {}
    config = {name.replace("_", "."): _value(name, value) for name, value in settings.items()}
    return contract.Topic(message.name, message.partitions.value, message.replication_factor.value, config)


def _value(name: str, value: Any) -> str:
    if name == "message_timestamp_type":
        return "LogAppendTime" if str(value).endswith("LOG_APPEND_TIME") else "CreateTime"
    text = str(value).lower()
    text = text.removeprefix("cleanup_policy_").removeprefix("compression_type_")
    return "compact,delete" if text == "compact_and_delete" else text


TOPICS = Parts(PRODUCT, contract.Topic, topic_of, _complete_topic, check=_refuse_if_unmanaged, change=_change_topic)


def _grants(message: Any) -> tuple[contract.Grant, ...]:
    roles = descriptors.message("mdb.kafka.v1.Permission").DESCRIPTOR.fields_by_name["role"].enum_type.values_by_number
    return tuple(
        contract.Grant(found.topic_name, roles[found.role].name.removeprefix(ROLE_PREFIX).removeprefix("TOPIC_"))
        for found in message.permissions
    )


USERS = users(PRODUCT, settings=lambda message: {}, grants=_grants, permission=("topic_name", "role"))
CLUSTERS = clusters.clusters(PRODUCT, TOPICS, USERS)


def _field(version: str) -> str:
    return f"kafka_config_{version.partition('.')[0]}"
