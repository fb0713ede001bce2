"""Managed Valkey, which the API still calls Redis: one password for the user `default`, shards, replicas."""

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
from kit.yandex.engine.transfer import settle, transfer
from kit.yandex.engine.world import Call, World
from kit.yandex.managed import connections, databases
from kit.yandex.managed.databases import Product, child, clusters, flat, owner_of, password_of, place_host

MASTER, REPLICA = 1, 2
DEFAULT_PRIORITY = 100
FIRST_SHARD = "shard1"
SHARD = "mdb.redis.v1.Shard"


def register(registry: Registry) -> None:
    databases.register(registry, PRODUCT, CLUSTERS)
    USERS.register(registry)
    registry.add(PRODUCT.service, "ListShards", list_shards)
    registry.add(PRODUCT.service, "GetShard", get_shard)


def _configure(scene: Scene) -> None:
    config = scene.message.config
    _take_password(scene)
    config.redis.SetInParent()
    settle(config.redis)
    for settings in (config.redis.user_config, config.redis.effective_config, config.redis.default_config):
        settings.password = ""  # never shown again
    config.access.SetInParent()
    config.disk_size_autoscaling.SetInParent()
    config.backup_window_start.SetInParent()
    if not config.HasField("backup_retain_period_days"):
        config.backup_retain_period_days.value = 7


def _take_password(scene: Scene) -> None:
    given = scene.request.config_spec.redis.password
    is_meant = scene.work.verb == "create" or scene.touches("config_spec", "config_spec.redis")
    if given and is_meant:
        scene.extra["password"] = given
    if not scene.extra.get("password"):
        raise refusal.invalid("config_spec.redis.password", "a password must be given")


def _hosts(scene: Scene) -> list[Any]:
    if not scene.request.host_specs:
        raise refusal.invalid("host_specs", "at least one host must be given")
    hosts: list[Any] = []
    for spec in scene.request.host_specs:
        host = place_host(scene, PRODUCT, spec.zone_id, spec.subnet_id)
        transfer(spec, host)
        host.subnet_id = spec.subnet_id or host.subnet_id
        host.shard_name = spec.shard_name or FIRST_SHARD
        host.role = REPLICA if any(other.shard_name == host.shard_name for other in hosts) else MASTER
        if not host.HasField("replica_priority"):
            host.replica_priority.value = DEFAULT_PRIORITY
        hosts.append(host)
    if len({host.shard_name for host in hosts}) > 1 and not scene.message.sharded:
        raise refusal.invalid("host_specs", "several shards need a sharded cluster")
    return hosts


def _inline(scene: Scene) -> None:
    """The user `default`, as the service makes it."""
    user = descriptors.message(USERS.message)(name="default", cluster_id=scene.message.id, enabled=True)
    scene.change.put(Record(f"{scene.message.id}/default", scene.message.id, user, {"password": scene.extra["password"]}))


PRODUCT = Product(
    engine=Engine.REDIS,
    configure=_configure,
    hosts=_hosts,
    settings=lambda message: flat(message.config.redis.user_config),
    resources=lambda message: message.config.resources,
    inline=_inline,
)
CLUSTERS = clusters(PRODUCT)


def list_shards(world: World, call: Call) -> Any:
    CLUSTERS.find(world, call.request.cluster_id)
    answer = call.method.answer()
    for name in _shards(world, call.request.cluster_id):
        answer.shards.add(name=name, cluster_id=call.request.cluster_id)
    return answer


def get_shard(world: World, call: Call) -> Any:
    CLUSTERS.find(world, call.request.cluster_id)
    if call.request.shard_name not in _shards(world, call.request.cluster_id):
        raise refusal.not_found("Shard", call.request.shard_name)
    return call.method.answer(name=call.request.shard_name, cluster_id=call.request.cluster_id)


def _shards(world: World, cluster_id: str) -> list[str]:
    return list(dict.fromkeys(record.message.shard_name for record in world.journal.children(PRODUCT.host, cluster_id)))


def _user(scene: Scene) -> None:
    owner, _ = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    spec = scene.request.user_spec
    scene.extra["password"] = password_of(scene, spec)
    scene.message.enabled = not spec.HasField("enabled") or spec.enabled.value
    scene.message.permissions.SetInParent()
    scene.message.connection_manager.connection_id = connections.put(
        scene.world, scene.change, "redis", owner, spec.name, scene.extra["password"]
    )
    _put_user(scene)


def _user_changed(scene: Scene) -> None:
    if (scene.touches("passwords") and scene.request.passwords) or scene.touches("generate_password"):
        owner, _ = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
        scene.extra["password"] = password_of(scene, scene.request)
        connections.put(
            *(scene.world, scene.change, "redis", owner, scene.message.name, scene.extra["password"]),
            scene.message.connection_manager.connection_id,
        )
    _put_user(scene)


def _user_gone(scene: Scene) -> None:
    if scene.message.name == "default":
        raise refusal.precondition("the user default cannot be deleted")
    connections.remove(scene.world, scene.change, scene.message.connection_manager.connection_id)
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    scene.work.deeds.append(lambda: scene.world.backing.remove_user(shape, scene.message.name))


def _put_user(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    user = user_of(scene.message, scene.extra)
    scene.work.deeds.append(lambda: scene.world.backing.put_user(shape, user))


USERS = child(PRODUCT, "UserService", "User", "User", "users", build=_user, change=_user_changed, remove=_user_gone)


def user_of(message: Any, extra: Mapping[str, Any]) -> contract.User:
    settings = {name: str(value) for name, value in flat(message.permissions).items()}
    settings["enabled"] = str(message.enabled).lower()
    return contract.User(message.name, Secret(extra.get("password", "")), (), settings)
