"""Managed ClickHouse: shards, keeper or ZooKeeper hosts, databases and users, passwords in Lockbox."""

from __future__ import annotations

from typing import Any

from kit.yandex import contract, refusal
from kit.yandex.contract import Engine
from kit.yandex.engine import descriptors
from kit.yandex.engine.fields import add_user_config_layer, copy_fields, copy_path, set_default_messages, set_defaults
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.plan import OperationPlan
from kit.yandex.engine.registry import GENERIC, Registry
from kit.yandex.engine.resource import MutationContext, Resource, operation, paths_to_update
from kit.yandex.engine.state import Call, EmulatorState
from kit.yandex.managed import clusters
from kit.yandex.managed.hosts import place_host
from kit.yandex.managed.parts import NewPart, Parts
from kit.yandex.managed.product import BACKED, Product, put_cluster, set_values
from kit.yandex.managed.users import DATABASE, database_grants, users
from kit.yandex.rules import hosts as rules
from kit.yandex.rules.hosts import HostGroup

DATA, COORDINATORS = 1, (2, 3)  # CLICKHOUSE; ZOOKEEPER, KEEPER
SHARD, GROUP = "mdb.clickhouse.v1.Shard", "mdb.clickhouse.v1.ShardGroup"
FIRST_SHARD = "shard1"
COORDINATOR_HOSTS = 3
# The provider's schema has these as not computed: the cloud leaves them out of what is in effect until somebody sets them.
ABSENT_UNLESS_SET = (
    *("background_fetches_pool_size", "dictionaries_lazy_load", "geobase_enabled", "keep_alive_timeout", "metric_log_enabled"),
    *("processors_profile_log_enabled", "session_log_enabled", "session_log_retention_size", "trace_log_enabled"),
    "uncompressed_cache_size",
)
ABSENT_UNLESS_SET_OF_MERGE_TREE = (
    *("replicated_deduplication_window", "replicated_deduplication_window_seconds", "parts_to_delay_insert"),
    *("parts_to_throw_insert", "max_replicated_merges_in_queue", "max_parts_in_total", "materialize_ttl_recalculate_only"),
)


def register(registry: Registry) -> None:
    clusters.register(registry, PRODUCT, CLUSTERS, DATABASES, USERS)
    service = PRODUCT.service
    registry.add(service, "ListShards", CLUSTERS.lister(SHARD))
    registry.add(service, "GetShard", get_shard)
    registry.add(service, "AddShards", CLUSTERS.action(_add_shards), backed=BACKED)
    registry.add(service, "DeleteShards", CLUSTERS.action(_delete_shards), backed=BACKED)
    registry.add(service, "UpdateShard", update_shard)
    registry.add(service, "ListShardGroups", CLUSTERS.lister(GROUP))
    registry.add(service, "ListExternalDictionaries", CLUSTERS.lister("mdb.clickhouse.v1.ExternalDictionary"))
    registry.add(service, "AddZookeeper", CLUSTERS.action(_add_coordinators), backed=BACKED)
    registry.add("mdb.clickhouse.v1.ClusterExtensionService", "List", CLUSTERS.lister("mdb.clickhouse.v1.ClusterExtension"))
    DATABASES.register(registry)
    USERS.register(registry)
    for name, message, noun in (("FormatSchemaService", "FormatSchema", "Format schema"), ("MlModelService", "MlModel", "Model")):
        Resource(
            *(f"mdb.clickhouse.v1.{name}", f"mdb.clickhouse.v1.{message}", noun),
            scope="cluster_id",
            parent=PRODUCT.cluster,
            is_named=True,
            level=GENERIC,
        ).register(registry)


def _configure(context: MutationContext) -> None:
    """Set every field that the provider reads, and every setting in effect."""
    config = context.message.config
    if context.plan.verb == "create" or context.touches("config_spec.admin_password"):
        context.extra["password"] = context.request.config_spec.admin_password or context.extra.get("password", "")
    add_user_config_layer(config.clickhouse.config)
    set_default_messages(config.clickhouse.config.effective_config)
    user, effective = config.clickhouse.config.user_config, config.clickhouse.config.effective_config
    _clear_unless_set(user, effective, ABSENT_UNLESS_SET)
    _clear_unless_set(user.merge_tree, effective.merge_tree, ABSENT_UNLESS_SET_OF_MERGE_TREE)
    set_default_messages(config.clickhouse.disk_size_autoscaling)
    config.zookeeper.resources.SetInParent()
    set_default_messages(config.zookeeper.disk_size_autoscaling)
    for name in ("access", "performance_diagnostics", "backup_window_start"):
        getattr(config, name).SetInParent()
    set_default_messages(config.cloud_storage)
    set_defaults(config, sql_database_management=False, sql_user_management=False, embedded_keeper=False)
    set_defaults(config, backup_retain_period_days=7)
    config.connection_manager.enabled.value = True
    if context.plan.verb == "update":
        for record in context.journal.children(SHARD, context.message.id):
            fresh = record.copy()
            _complete_shard(context.message, fresh)
            context.change.put(record.with_message(fresh))


def _clear_unless_set(user: Any, effective: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if not user.HasField(name):
            effective.ClearField(name)


def _hosts(context: MutationContext) -> list[Any]:
    hosts = [_host(context, spec) for spec in context.request.host_specs]
    shards = list(dict.fromkeys(host.shard_name for host in hosts if host.type == DATA))
    known = {spec.name: spec for spec in context.request.shard_specs}
    for name in shards:
        shard = descriptors.message(SHARD)(name=name, cluster_id=context.message.id)
        if name in known:
            copy_fields(known[name].config_spec, shard.config)
        _complete_shard(context.message, shard)
        context.change.put(Record(f"{context.message.id}/{name}", context.message.id, shard))
    is_replicated = any(len([host for host in hosts if host.shard_name == name]) > 1 for name in shards)
    has_coordinator = any(host.type in COORDINATORS for host in hosts) or context.message.config.embedded_keeper.value
    if is_replicated and not has_coordinator:
        hosts += _default_coordinators(context)
    return hosts


def _host(context: MutationContext, spec: Any) -> Any:
    host = place_host(context, PRODUCT, spec.zone_id, spec.subnet_id)
    host.type, host.assign_public_ip = spec.type, spec.assign_public_ip
    if host.type == DATA:
        host.shard_name = spec.shard_name or getattr(context.request, "shard_name", "") or FIRST_SHARD
    else:
        host.resources.CopyFrom(context.message.config.zookeeper.resources)
    return host


def _default_coordinators(context: MutationContext) -> list[Any]:
    """Three ZooKeeper hosts: the service adds them to replicas without a coordinator, if each zone has a subnet."""
    subnets = [record.message for record in context.journal.all("vpc.v1.Subnet")]
    zones = sorted({subnet.zone_id for subnet in subnets if subnet.network_id == context.message.network_id})
    if not rules.adds_zookeeper(zones):
        raise refusal.invalid("host_specs", "replicas need hosts of Keeper or ZooKeeper: this network has no subnet in each zone")
    hosts = []
    for index in range(COORDINATOR_HOSTS):
        host = place_host(context, PRODUCT, zones[index % len(zones)])
        host.type = COORDINATORS[0]
        host.resources.CopyFrom(context.message.config.zookeeper.resources)
        hosts.append(host)
    return hosts


def _complete_shard(cluster: Any, shard: Any) -> None:
    """Show the cluster's configuration in the shard, with the shard's own resources if it has any."""
    shown = shard.config.clickhouse
    shown.config.CopyFrom(cluster.config.clickhouse.config)
    if not shown.HasField("resources"):
        shown.resources.CopyFrom(cluster.config.clickhouse.resources)
    set_defaults(shown, weight=100)
    set_default_messages(shown.disk_size_autoscaling)


def _groups(message: Any, hosts: list[Any]) -> list[HostGroup]:
    config = message.config
    shown, coordination = config.clickhouse, config.zookeeper
    groups = [
        HostGroup("config_spec.clickhouse.resources", shown.resources, shard, shown.disk_size_autoscaling, is_shard=True)
        for shard in _shards(hosts)
    ]
    if coordinators := [host for host in hosts if host.type in COORDINATORS]:
        scaling = coordination.disk_size_autoscaling
        groups.append(HostGroup("config_spec.zookeeper.resources", coordination.resources, coordinators, scaling))
    return groups


def _check_hosts(message: Any, hosts: list[Any]) -> None:
    shards = _shards(hosts)
    rules.check_number("clickhouse", "shards", len(shards))
    for shard in shards:
        rules.check_number("clickhouse", "of_a_shard", len(shard))
    coordinators = [host for host in hosts if host.type in COORDINATORS]
    rules.check_coordination(shards, coordinators, is_embedded=message.config.embedded_keeper.value)


def _shards(hosts: list[Any]) -> list[list[Any]]:
    """The data hosts by shard."""
    found: dict[str, list[Any]] = {}
    for host in hosts:
        if host.type == DATA:
            found.setdefault(host.shard_name, []).append(host)
    return list(found.values())


PRODUCT = Product(
    engine=Engine.CLICKHOUSE,
    configure=_configure,
    hosts=_hosts,
    settings=lambda message: set_values(message.config.clickhouse.config.user_config),
    resources=lambda message: message.config.clickhouse.resources,
    groups=_groups,
    check=_check_hosts,
)


def _complete_database(new: NewPart) -> None:
    new.message.engine = new.message.engine or 1  # ATOMIC


DATABASES = Parts(PRODUCT, contract.Database, lambda message, _: contract.Database(message.name), _complete_database)


def _complete_user(user: Any, spec: Any) -> None:
    user.settings.SetInParent()
    user.auth_method = user.auth_method or 1  # PASSWORD


USERS = users(
    PRODUCT,
    settings=lambda message: {name: str(value) for name, value in set_values(message.settings).items()},
    grants=database_grants,
    defaults=_complete_user,
    permission=(DATABASE,),
)
CLUSTERS = clusters.clusters(PRODUCT, DATABASES, USERS)


def get_shard(state: EmulatorState, call: Call) -> Any:
    CLUSTERS.find(state, call.request.cluster_id)
    return state.find(SHARD, f"{call.request.cluster_id}/{call.request.shard_name}", "Shard").message


@operation
def update_shard(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
    request = call.request
    record = state.find(SHARD, f"{request.cluster_id}/{request.shard_name}", "Shard")
    fresh = record.copy()
    for path in paths_to_update(request, ("cluster_id", "shard_name"), call.method):
        copy_path(request, path, fresh)
    _complete_shard(CLUSTERS.find(state, request.cluster_id).message, fresh)
    primary = record.with_message(fresh)
    change.put(primary)
    names = {"cluster_id": request.cluster_id, "shard_name": request.shard_name}
    return OperationPlan("update", change, primary, names=names, subject=request.cluster_id)


def _add_shards(context: MutationContext) -> None:
    hosts = _with_added(context, DATA)
    answer = descriptors.message("mdb.clickhouse.v1.Shards")()
    for spec in context.request.shard_specs:
        if context.journal.get(SHARD, f"{context.message.id}/{spec.name}") is not None:
            raise refusal.already_exists("Shard", spec.name)
        shard = descriptors.message(SHARD)(name=spec.name, cluster_id=context.message.id)
        copy_fields(spec.config_spec, shard.config)
        _complete_shard(context.message, shard)
        context.change.put(Record(f"{context.message.id}/{spec.name}", context.message.id, shard))
        answer.shards.append(shard)
    context.plan.lists["shard_names"] = [spec.name for spec in context.request.shard_specs]
    context.plan.response = answer
    put_cluster(PRODUCT, context, hosts)


def _with_added(context: MutationContext, kind: int) -> list[Any]:
    """All hosts of the cluster, with those that the request adds; `kind`: what they are, where it does not say."""
    hosts = [record.message for record in context.journal.children(PRODUCT.host, context.message.id)]
    for spec in context.request.host_specs:
        host = place_host(context, PRODUCT, spec.zone_id, spec.subnet_id)
        host.type, host.assign_public_ip = spec.type or kind, spec.assign_public_ip
        if kind == DATA:
            host.shard_name = spec.shard_name
        else:
            host.type = kind
            host.resources.CopyFrom(context.request.resources)
        context.change.put(Record(host.name, context.message.id, host))
        hosts.append(host)
    return hosts


def _delete_shards(context: MutationContext) -> None:
    gone = set(context.request.shard_names)
    for name in gone:
        context.state.find(SHARD, f"{context.message.id}/{name}", "Shard")
        context.change.delete(SHARD, f"{context.message.id}/{name}")
    records = context.journal.children(PRODUCT.host, context.message.id)
    kept = [record.message for record in records if record.message.shard_name not in gone]
    if not any(host.type == DATA for host in kept):
        raise refusal.precondition(f"the last shard of cluster {context.message.id} cannot be deleted")
    for record in records:
        if record.message.shard_name in gone:
            context.change.delete(PRODUCT.host, record.key)
    context.plan.lists["shard_names"] = sorted(gone)
    put_cluster(PRODUCT, context, kept)


def _add_coordinators(context: MutationContext) -> None:
    context.message.config.zookeeper.resources.CopyFrom(context.request.resources)
    put_cluster(PRODUCT, context, _with_added(context, COORDINATORS[0]))
