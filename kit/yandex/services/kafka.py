"""Managed Kafka: brokers by zone, topics with Kafka's own settings, users with roles on topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.endpoints import Secret
from kit.yandex import contract
from kit.yandex.contract import Engine
from kit.yandex.engine import descriptors, refusal
from kit.yandex.engine.fields import copy_fields
from kit.yandex.engine.journal import Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext
from kit.yandex.managed import databases
from kit.yandex.managed.databases import Product, child, clusters, flat, owner_of, place_host

BROKER = 1
KRAFT_BROKERS = 3  # combined mode: exactly three hosts, or one
ROLE_PREFIX = "ACCESS_ROLE_"


def register(registry: Registry) -> None:
    databases.register(registry, PRODUCT, CLUSTERS)
    TOPICS.register(registry)
    USERS.register(registry)
    registry.add(USERS.service, "GrantPermission", USERS.act(_grant), backed=USERS.backed)
    registry.add(USERS.service, "RevokePermission", USERS.act(_revoke), backed=USERS.backed)


def _configure(context: MutationContext) -> None:
    config = context.message.config
    config.access.SetInParent()
    if not config.HasField("brokers_count"):
        config.brokers_count.value = 1
    if config.kafka.WhichOneof("kafka_config") is None:
        getattr(config.kafka, _field(config.version)).SetInParent()


def _hosts(context: MutationContext) -> list[Any]:
    config = context.message.config
    if not config.zone_id:
        raise refusal.invalid("config_spec.zone_id", "at least one zone must be given")
    subnets = {record.key: record.message for record in context.state.journal.all("vpc.v1.Subnet")}
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
    return flat(getattr(message.config.kafka, which)) if which else {}


def _inline(context: MutationContext) -> None:
    """Topics and users in the cluster's own request: the deprecated way, which others' configurations still go."""
    brokers = len(context.message.config.zone_id) * context.message.config.brokers_count.value
    for name, resource, specs in (("topic", TOPICS, context.request.topic_specs), ("user", USERS, context.request.user_specs)):
        for index, spec in enumerate(specs):
            fresh = descriptors.message(resource.message)(cluster_id=context.message.id)
            copy_fields(spec, fresh)
            extra = {}
            if name == "topic":
                _check_topic(fresh, brokers, f"topic_specs[{index}]")
            else:
                extra["password"] = spec.password
            record = Record(f"{context.message.id}/{fresh.name}", context.message.id, fresh, extra)
            context.change.put(record)
            _later(context, record)


def _later(context: MutationContext, record: Record) -> None:
    """Once the cluster is there: the backing gets the topic or user."""
    state = context.state
    shape = databases.cluster_of(state, PRODUCT, context.message, context.extra, _written_hosts(context))

    def deed() -> None:
        if record.kind == TOPICS.message:
            state.backing.put_topic(shape, topic_of(record.message))
        else:
            state.backing.put_user(shape, user_of(record.message, record.extra))

    context.plan.side_effects.append(deed)


def _written_hosts(context: MutationContext) -> list[Any]:
    return [record.message for (kind, _), record in context.change.puts.items() if kind == PRODUCT.host]


PRODUCT = Product(
    engine=Engine.KAFKA,
    configure=_configure,
    hosts=_hosts,
    settings=_settings,
    resources=lambda message: message.config.kafka.resources,
    inline=_inline,
)
CLUSTERS = clusters(PRODUCT)


def _topic(context: MutationContext) -> None:
    owner, shape = owner_of(context.state, PRODUCT, context.message.cluster_id)
    _check_topic(context.message, len(shape.hosts), "topic_spec")
    if owner.config.unmanaged_topics:
        raise refusal.precondition("topics of this cluster are managed by its users (unmanaged_topics)")
    topic = topic_of(context.message)
    context.plan.side_effects.append(lambda: context.state.backing.put_topic(shape, topic))


def _topic_changed(context: MutationContext) -> None:
    before = context.state.find(TOPICS.message, context.plan.primary.key, "Topic").message
    if context.message.partitions.value < before.partitions.value:
        raise refusal.invalid("topic_spec.partitions", "the number of partitions can only grow")
    _topic(context)


def _topic_gone(context: MutationContext) -> None:
    _, shape = owner_of(context.state, PRODUCT, context.message.cluster_id)
    context.plan.side_effects.append(lambda: context.state.backing.remove_topic(shape, context.message.name))


def _check_topic(topic: Any, brokers: int, path: str) -> None:
    if not topic.HasField("partitions"):
        topic.partitions.value = 1
    if not topic.HasField("replication_factor"):
        topic.replication_factor.value = 1
    if topic.partitions.value < 1:
        raise refusal.invalid(f"{path}.partitions", "at least one partition is needed")
    if not 1 <= topic.replication_factor.value <= brokers:
        raise refusal.invalid(f"{path}.replication_factor", f"it must be between 1 and the number of brokers, {brokers}")


TOPICS = child(PRODUCT, "TopicService", "Topic", "Topic", "topics", build=_topic, change=_topic_changed, remove=_topic_gone)


def topic_of(message: Any) -> contract.Topic:
    """With Kafka's own names of settings: retention_ms → retention.ms, CLEANUP_POLICY_COMPACT_AND_DELETE → compact,delete."""
    which = message.WhichOneof("topic_config")
    settings = flat(getattr(message, which)) if which else {}
    config = {name.replace("_", "."): _value(name, value) for name, value in settings.items()}
    return contract.Topic(message.name, message.partitions.value, message.replication_factor.value, config)


def _value(name: str, value: Any) -> str:
    if name == "message_timestamp_type":
        return "LogAppendTime" if str(value).endswith("LOG_APPEND_TIME") else "CreateTime"
    text = str(value).lower()
    text = text.removeprefix("cleanup_policy_").removeprefix("compression_type_")
    return "compact,delete" if text == "compact_and_delete" else text


def _user(context: MutationContext) -> None:
    password = context.request.user_spec.password
    if not password:
        raise refusal.invalid("user_spec.password", "a password must be given")
    context.extra["password"] = password
    _put_user(context)


def _user_changed(context: MutationContext) -> None:
    if context.touches("password") and context.request.password:
        context.extra["password"] = context.request.password
    _put_user(context)


def _user_gone(context: MutationContext) -> None:
    _, shape = owner_of(context.state, PRODUCT, context.message.cluster_id)
    context.plan.side_effects.append(lambda: context.state.backing.remove_user(shape, context.message.name))


def _grant(context: MutationContext) -> None:
    if context.request.permission not in context.message.permissions:
        context.message.permissions.append(context.request.permission)
    _put_user(context)


def _revoke(context: MutationContext) -> None:
    wanted = context.request.permission
    kept = [found for found in context.message.permissions if (found.topic_name, found.role) != (wanted.topic_name, wanted.role)]
    del context.message.permissions[:]
    context.message.permissions.extend(kept)
    _put_user(context)


def _put_user(context: MutationContext) -> None:
    _, shape = owner_of(context.state, PRODUCT, context.message.cluster_id)
    user = user_of(context.message, context.extra)
    context.plan.side_effects.append(lambda: context.state.backing.put_user(shape, user))


USERS = child(PRODUCT, "UserService", "User", "User", "users", build=_user, change=_user_changed, remove=_user_gone)


def user_of(message: Any, extra: Mapping[str, Any]) -> contract.User:
    roles = descriptors.message("mdb.kafka.v1.Permission").DESCRIPTOR.fields_by_name["role"].enum_type.values_by_number
    given = tuple(
        contract.Grant(found.topic_name, roles[found.role].name.removeprefix(ROLE_PREFIX).removeprefix("TOPIC_"))
        for found in message.permissions
    )
    return contract.User(message.name, Secret(extra.get("password", "")), given)


def _field(version: str) -> str:
    return f"kafka_config_{version.partition('.')[0]}"
