"""Managed Kafka: brokers by zone, topics with Kafka's own settings, users with roles on topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.endpoints import Secret
from kit.yandex import contract
from kit.yandex.contract import Engine
from kit.yandex.engine import descriptors, refusal
from kit.yandex.engine.journal import Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import Scene
from kit.yandex.engine.transfer import transfer
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


def _configure(scene: Scene) -> None:
    config = scene.message.config
    config.access.SetInParent()
    if not config.HasField("brokers_count"):
        config.brokers_count.value = 1
    if config.kafka.WhichOneof("kafka_config") is None:
        getattr(config.kafka, _field(config.version)).SetInParent()


def _hosts(scene: Scene) -> list[Any]:
    config = scene.message.config
    if not config.zone_id:
        raise refusal.invalid("config_spec.zone_id", "at least one zone must be given")
    subnets = {record.key: record.message for record in scene.world.journal.all("vpc.v1.Subnet")}
    chosen = {subnets[key].zone_id: key for key in scene.request.subnet_id}
    hosts = []
    for zone in config.zone_id:
        for _ in range(config.brokers_count.value):
            host = place_host(scene, PRODUCT, zone, chosen.get(zone, ""))
            host.role, host.assign_public_ip = BROKER, config.assign_public_ip
            hosts.append(host)
    return hosts


def _settings(message: Any) -> Mapping[str, Any]:
    which = message.config.kafka.WhichOneof("kafka_config")
    return flat(getattr(message.config.kafka, which)) if which else {}


def _inline(scene: Scene) -> None:
    """Topics and users in the cluster's own request: the deprecated way, which others' configurations still go."""
    brokers = len(scene.message.config.zone_id) * scene.message.config.brokers_count.value
    for name, resource, specs in (("topic", TOPICS, scene.request.topic_specs), ("user", USERS, scene.request.user_specs)):
        for index, spec in enumerate(specs):
            fresh = descriptors.message(resource.message)(cluster_id=scene.message.id)
            transfer(spec, fresh)
            extra = {}
            if name == "topic":
                _check_topic(fresh, brokers, f"topic_specs[{index}]")
            else:
                extra["password"] = spec.password
            record = Record(f"{scene.message.id}/{fresh.name}", scene.message.id, fresh, extra)
            scene.change.put(record)
            _later(scene, record)


def _later(scene: Scene, record: Record) -> None:
    """Once the cluster is there: the backing gets the topic or user."""
    world = scene.world
    shape = databases.cluster_of(world, PRODUCT, scene.message, scene.extra, _written_hosts(scene))

    def deed() -> None:
        if record.kind == TOPICS.message:
            world.backing.put_topic(shape, topic_of(record.message))
        else:
            world.backing.put_user(shape, user_of(record.message, record.extra))

    scene.work.deeds.append(deed)


def _written_hosts(scene: Scene) -> list[Any]:
    return [record.message for (kind, _), record in scene.change.puts.items() if kind == PRODUCT.host]


PRODUCT = Product(
    engine=Engine.KAFKA,
    configure=_configure,
    hosts=_hosts,
    settings=_settings,
    resources=lambda message: message.config.kafka.resources,
    inline=_inline,
)
CLUSTERS = clusters(PRODUCT)


def _topic(scene: Scene) -> None:
    owner, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    _check_topic(scene.message, len(shape.hosts), "topic_spec")
    if owner.config.unmanaged_topics:
        raise refusal.precondition("topics of this cluster are managed by its users (unmanaged_topics)")
    topic = topic_of(scene.message)
    scene.work.deeds.append(lambda: scene.world.backing.put_topic(shape, topic))


def _topic_changed(scene: Scene) -> None:
    before = scene.world.find(TOPICS.message, scene.work.primary.key, "Topic").message
    if scene.message.partitions.value < before.partitions.value:
        raise refusal.invalid("topic_spec.partitions", "the number of partitions can only grow")
    _topic(scene)


def _topic_gone(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    scene.work.deeds.append(lambda: scene.world.backing.remove_topic(shape, scene.message.name))


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


def _user(scene: Scene) -> None:
    password = scene.request.user_spec.password
    if not password:
        raise refusal.invalid("user_spec.password", "a password must be given")
    scene.extra["password"] = password
    _put_user(scene)


def _user_changed(scene: Scene) -> None:
    if scene.touches("password") and scene.request.password:
        scene.extra["password"] = scene.request.password
    _put_user(scene)


def _user_gone(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    scene.work.deeds.append(lambda: scene.world.backing.remove_user(shape, scene.message.name))


def _grant(scene: Scene) -> None:
    if scene.request.permission not in scene.message.permissions:
        scene.message.permissions.append(scene.request.permission)
    _put_user(scene)


def _revoke(scene: Scene) -> None:
    wanted = scene.request.permission
    kept = [found for found in scene.message.permissions if (found.topic_name, found.role) != (wanted.topic_name, wanted.role)]
    del scene.message.permissions[:]
    scene.message.permissions.extend(kept)
    _put_user(scene)


def _put_user(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    user = user_of(scene.message, scene.extra)
    scene.work.deeds.append(lambda: scene.world.backing.put_user(shape, user))


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
