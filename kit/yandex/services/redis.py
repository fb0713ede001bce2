"""Managed Valkey, which the API still calls Redis: one password for the user `default`, shards, replicas."""

from __future__ import annotations

from typing import Any

from kit.yandex import refusal
from kit.yandex.contract import Engine
from kit.yandex.engine import descriptors
from kit.yandex.engine.fields import add_user_config_layer, copy_fields, set_defaults
from kit.yandex.engine.journal import Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext
from kit.yandex.engine.state import Call, EmulatorState
from kit.yandex.managed import clusters
from kit.yandex.managed.hosts import place_host
from kit.yandex.managed.product import Product, set_values
from kit.yandex.managed.users import users
from kit.yandex.rules import hosts as rules
from kit.yandex.rules.hosts import HostGroup

MASTER, REPLICA = 1, 2
DEFAULT_PRIORITY = 100
DEFAULT_USER = "default"
FIRST_SHARD = "shard1"


def register(registry: Registry) -> None:
    clusters.register(registry, PRODUCT, CLUSTERS, USERS)
    USERS.register(registry)
    registry.add(PRODUCT.service, "ListShards", list_shards)
    registry.add(PRODUCT.service, "GetShard", get_shard)


def _configure(context: MutationContext) -> None:
    config = context.message.config
    _take_password(context)
    config.redis.SetInParent()
    add_user_config_layer(config.redis)
    for settings in (config.redis.user_config, config.redis.effective_config, config.redis.default_config):
        settings.password = ""  # never shown again
    config.access.SetInParent()
    config.disk_size_autoscaling.SetInParent()
    config.backup_window_start.SetInParent()
    set_defaults(config, backup_retain_period_days=7)


def _take_password(context: MutationContext) -> None:
    given = context.request.config_spec.redis.password
    is_meant = context.plan.verb == "create" or context.touches("config_spec", "config_spec.redis")
    if given and is_meant:
        context.extra["password"] = given
    if not context.extra.get("password"):
        raise refusal.invalid("config_spec.redis.password", "a password must be given")
    if context.plan.verb == "create":  # the service makes this user with the cluster
        user = descriptors.message(USERS.message)(name=DEFAULT_USER, cluster_id=context.message.id, enabled=True)
        password = {"password": context.extra["password"]}
        context.change.put(Record(f"{context.message.id}/{DEFAULT_USER}", context.message.id, user, password))


def _hosts(context: MutationContext) -> list[Any]:
    hosts: list[Any] = []
    for spec in context.request.host_specs:
        host = place_host(context, PRODUCT, spec.zone_id, spec.subnet_id)
        copy_fields(spec, host)
        host.subnet_id = spec.subnet_id or host.subnet_id
        host.shard_name = spec.shard_name or FIRST_SHARD
        host.role = REPLICA if any(other.shard_name == host.shard_name for other in hosts) else MASTER
        set_defaults(host, replica_priority=DEFAULT_PRIORITY)
        hosts.append(host)
    if len({host.shard_name for host in hosts}) > 1 and not context.message.sharded:
        raise refusal.invalid("host_specs", "several shards need a sharded cluster")
    return hosts


def _groups(message: Any, hosts: list[Any]) -> list[HostGroup]:
    config, is_sharded = message.config, bool(message.sharded)
    shards = _by_shard(hosts).values() if is_sharded else [hosts]
    return [
        HostGroup("config_spec.resources", config.resources, shard, config.disk_size_autoscaling, is_sharded, is_sharded)
        for shard in shards
    ]


def _check_hosts(message: Any, hosts: list[Any]) -> None:
    shards = _by_shard(hosts)
    if not message.sharded:
        rules.check_number("redis", "hosts", len(hosts))
        return
    rules.check_number("redis", "shards", len(shards))
    for shard in shards.values():
        rules.check_number("redis", "of_a_shard", len(shard))


def _by_shard(hosts: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for host in hosts:
        found.setdefault(host.shard_name, []).append(host)
    return found


PRODUCT = Product(
    engine=Engine.REDIS,
    configure=_configure,
    hosts=_hosts,
    settings=lambda message: set_values(message.config.redis.user_config),
    resources=lambda message: message.config.resources,
    groups=_groups,
    check=_check_hosts,
)


def _complete_user(user: Any, spec: Any) -> None:
    user.enabled = not spec.HasField("enabled") or spec.enabled.value
    user.permissions.SetInParent()


def _refuse_to_remove_default(context: MutationContext) -> None:
    if context.message.name == DEFAULT_USER:
        raise refusal.precondition("the user default cannot be deleted")


USERS = users(
    PRODUCT,
    settings=lambda message: {
        **{name: str(value) for name, value in set_values(message.permissions).items()},
        "enabled": str(message.enabled).lower(),
    },
    defaults=_complete_user,
    remove=_refuse_to_remove_default,
)
CLUSTERS = clusters.clusters(PRODUCT, USERS)


def list_shards(state: EmulatorState, call: Call) -> Any:
    CLUSTERS.find(state, call.request.cluster_id)
    answer = call.method.answer()
    for name in _shards(state, call.request.cluster_id):
        answer.shards.add(name=name, cluster_id=call.request.cluster_id)
    return answer


def get_shard(state: EmulatorState, call: Call) -> Any:
    CLUSTERS.find(state, call.request.cluster_id)
    if call.request.shard_name not in _shards(state, call.request.cluster_id):
        raise refusal.not_found("Shard", call.request.shard_name)
    return call.method.answer(name=call.request.shard_name, cluster_id=call.request.cluster_id)


def _shards(state: EmulatorState, cluster_id: str) -> list[str]:
    return list(dict.fromkeys(record.message.shard_name for record in state.journal.children(PRODUCT.host, cluster_id)))
