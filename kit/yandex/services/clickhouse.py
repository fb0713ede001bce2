"""Managed ClickHouse: shards, keeper or ZooKeeper hosts, databases and users, passwords in Lockbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.endpoints import Secret
from kit.yandex import contract
from kit.yandex.contract import Engine
from kit.yandex.engine import descriptors, pages, refusal
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.operations import Work
from kit.yandex.engine.registry import GENERIC, Registry
from kit.yandex.engine.resource import Resource, Scene, mask
from kit.yandex.engine.transfer import apply, fill, settle, transfer
from kit.yandex.engine.world import Call, World
from kit.yandex.managed import connections, databases
from kit.yandex.managed.databases import Product, child, clusters, flat, grants, owner_of, password_of, place_host

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
    databases.register(registry, PRODUCT, CLUSTERS)
    service = PRODUCT.service
    registry.add(service, "ListShards", _listed(SHARD, "shards"))
    registry.add(service, "GetShard", get_shard)
    registry.add(service, "AddShards", CLUSTERS.act(_add_shards), backed=databases.BACKED)
    registry.add(service, "DeleteShards", CLUSTERS.act(_delete_shards), backed=databases.BACKED)
    registry.add(service, "UpdateShard", update_shard)
    registry.add(service, "ListShardGroups", _listed(GROUP, "shard_groups"))
    registry.add(service, "ListExternalDictionaries", _nothing)
    registry.add(service, "AddZookeeper", CLUSTERS.act(_add_coordinators), backed=databases.BACKED)
    registry.add("mdb.clickhouse.v1.ClusterExtensionService", "List", _nothing)
    DATABASES.register(registry)
    USERS.register(registry)
    registry.add(USERS.service, "GrantPermission", USERS.act(_grant), backed=USERS.backed)
    registry.add(USERS.service, "RevokePermission", USERS.act(_revoke), backed=USERS.backed)
    for name, message, noun in (("FormatSchemaService", "FormatSchema", "Format schema"), ("MlModelService", "MlModel", "Model")):
        Resource(
            *(f"mdb.clickhouse.v1.{name}", f"mdb.clickhouse.v1.{message}", noun),
            scope="cluster_id",
            parent=PRODUCT.cluster,
            is_named=True,
            level=GENERIC,
        ).register(registry)


def _configure(scene: Scene) -> None:
    """Everything set, and every setting in effect with a value: the provider reads them all."""
    config = scene.message.config
    if scene.work.verb == "create" or scene.touches("config_spec.admin_password"):
        scene.extra["password"] = scene.request.config_spec.admin_password or scene.extra.get("password", "")
    config.clickhouse.SetInParent()
    config.clickhouse.config.SetInParent()
    settle(config.clickhouse.config)
    fill(config.clickhouse.config.effective_config)
    user, effective = config.clickhouse.config.user_config, config.clickhouse.config.effective_config
    _leave_out(user, effective, ABSENT_UNLESS_SET)
    _leave_out(user.merge_tree, effective.merge_tree, ABSENT_UNLESS_SET_OF_MERGE_TREE)
    config.clickhouse.disk_size_autoscaling.SetInParent()
    fill(config.clickhouse.disk_size_autoscaling)
    config.zookeeper.resources.SetInParent()
    config.zookeeper.disk_size_autoscaling.SetInParent()
    fill(config.zookeeper.disk_size_autoscaling)
    for name in ("access", "cloud_storage", "performance_diagnostics", "backup_window_start"):
        getattr(config, name).SetInParent()
    fill(config.cloud_storage)
    for name in ("sql_database_management", "sql_user_management", "embedded_keeper"):
        if not config.HasField(name):
            getattr(config, name).value = False
    if not config.HasField("backup_retain_period_days"):
        config.backup_retain_period_days.value = 7
    config.connection_manager.enabled.value = True
    if scene.work.verb == "update":
        for record in scene.world.journal.children(SHARD, scene.message.id):
            fresh = record.copy()
            _complete_shard(scene.message, fresh)
            scene.change.put(Record(record.key, record.parent, fresh))


def _leave_out(user: Any, effective: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if not user.HasField(name):
            effective.ClearField(name)


def _hosts(scene: Scene) -> list[Any]:
    if not scene.request.host_specs:
        raise refusal.invalid("host_specs", "at least one host must be given")
    hosts = [_host(scene, spec) for spec in scene.request.host_specs]
    shards = list(dict.fromkeys(host.shard_name for host in hosts if host.type == DATA))
    known = {spec.name: spec for spec in scene.request.shard_specs}
    for name in shards:
        shard = descriptors.message(SHARD)(name=name, cluster_id=scene.message.id)
        if name in known:
            transfer(known[name].config_spec, shard.config)
        _complete_shard(scene.message, shard)
        scene.change.put(Record(f"{scene.message.id}/{name}", scene.message.id, shard))
    is_replicated = any(len([host for host in hosts if host.shard_name == name]) > 1 for name in shards)
    has_coordinator = any(host.type in COORDINATORS for host in hosts) or scene.message.config.embedded_keeper.value
    if is_replicated and not has_coordinator:
        hosts += _own_coordinators(scene)
    return hosts


def _host(scene: Scene, spec: Any) -> Any:
    host = place_host(scene, PRODUCT, spec.zone_id, spec.subnet_id)
    host.type, host.assign_public_ip = spec.type, spec.assign_public_ip
    if host.type == DATA:
        host.shard_name = spec.shard_name or scene.request.shard_name or FIRST_SHARD
    else:
        host.resources.CopyFrom(scene.message.config.zookeeper.resources)
    return host


def _own_coordinators(scene: Scene) -> list[Any]:
    """Replicas without a coordinator: the service adds three ZooKeeper hosts by itself."""
    zones = sorted({record.message.zone_id for record in scene.world.journal.all("vpc.v1.Subnet")})
    hosts = []
    for index in range(COORDINATOR_HOSTS):
        host = place_host(scene, PRODUCT, zones[index % len(zones)])
        host.type = COORDINATORS[0]
        host.resources.CopyFrom(scene.message.config.zookeeper.resources)
        hosts.append(host)
    return hosts


def _complete_shard(cluster: Any, shard: Any) -> None:
    """Shards show the cluster's configuration, with their own resources if they have any."""
    shown = shard.config.clickhouse
    shown.config.CopyFrom(cluster.config.clickhouse.config)
    if not shown.HasField("resources"):
        shown.resources.CopyFrom(cluster.config.clickhouse.resources)
    if not shown.HasField("weight"):
        shown.weight.value = 100
    shown.disk_size_autoscaling.SetInParent()
    fill(shown.disk_size_autoscaling)


def _inline(scene: Scene) -> None:
    hosts = [record.message for (kind, _), record in scene.change.puts.items() if kind == PRODUCT.host]
    shape = databases.cluster_of(scene.world, PRODUCT, scene.message, scene.extra, hosts)
    backing = scene.world.backing
    for spec in scene.request.database_specs:
        database = descriptors.message(DATABASES.message)(cluster_id=scene.message.id)
        transfer(spec, database)
        database.engine = database.engine or 1
        scene.change.put(Record(f"{scene.message.id}/{database.name}", scene.message.id, database))
        made = contract.Database(database.name)
        scene.work.deeds.append(lambda made=made: backing.put_database(shape, made))  # type: ignore[misc]
    for spec in scene.request.user_specs:
        user = descriptors.message(USERS.message)(cluster_id=scene.message.id)
        transfer(spec, user)
        extra: dict[str, Any] = {}
        _complete_user(scene, user, extra, scene.message, password_of(scene, spec))
        scene.change.put(Record(f"{scene.message.id}/{user.name}", scene.message.id, user, extra))
        shaped = user_of(user, extra)
        scene.work.deeds.append(lambda shaped=shaped: backing.put_user(shape, shaped))  # type: ignore[misc]


PRODUCT = Product(
    engine=Engine.CLICKHOUSE,
    configure=_configure,
    hosts=_hosts,
    settings=lambda message: flat(message.config.clickhouse.config.user_config),
    resources=lambda message: message.config.clickhouse.resources,
    inline=_inline,
)
CLUSTERS = clusters(PRODUCT)


def get_shard(world: World, call: Call) -> Any:
    CLUSTERS.find(world, call.request.cluster_id)
    return world.find(SHARD, f"{call.request.cluster_id}/{call.request.shard_name}", "Shard").message


def update_shard(world: World, call: Call) -> Any:
    def prepare(change: Change) -> Work:
        request = call.request
        record = world.find(SHARD, f"{request.cluster_id}/{request.shard_name}", "Shard")
        fresh = record.copy()
        for path in mask(request, ("cluster_id", "shard_name"), call.method):
            apply(request, path, fresh)
        _complete_shard(CLUSTERS.find(world, request.cluster_id).message, fresh)
        primary = Record(record.key, record.parent, fresh)
        change.put(primary)
        names = {"cluster_id": request.cluster_id, "shard_name": request.shard_name}
        return Work("update", change, primary, names=names, subject=request.cluster_id)

    return world.operations.run(world, call, prepare)


def _add_shards(scene: Scene) -> None:
    hosts = [record.message for record in scene.world.journal.children(PRODUCT.host, scene.message.id)]
    added = [_host_of_shard(scene, spec) for spec in scene.request.host_specs]
    answer = descriptors.message("mdb.clickhouse.v1.Shards")()
    for spec in scene.request.shard_specs:
        if scene.world.journal.get(SHARD, f"{scene.message.id}/{spec.name}") is not None:
            raise refusal.already_exists("Shard", spec.name)
        shard = descriptors.message(SHARD)(name=spec.name, cluster_id=scene.message.id)
        transfer(spec.config_spec, shard.config)
        _complete_shard(scene.message, shard)
        scene.change.put(Record(f"{scene.message.id}/{spec.name}", scene.message.id, shard))
        answer.shards.append(shard)
    for host in added:
        scene.change.put(Record(host.name, scene.message.id, host))
    scene.work.lists["shard_names"] = [spec.name for spec in scene.request.shard_specs]
    scene.work.response = answer
    databases.put_cluster(PRODUCT, scene, [*hosts, *added])


def _host_of_shard(scene: Scene, spec: Any) -> Any:
    host = place_host(scene, PRODUCT, spec.zone_id, spec.subnet_id)
    host.type, host.shard_name, host.assign_public_ip = spec.type or DATA, spec.shard_name, spec.assign_public_ip
    return host


def _delete_shards(scene: Scene) -> None:
    gone = set(scene.request.shard_names)
    for name in gone:
        scene.world.find(SHARD, f"{scene.message.id}/{name}", "Shard")
        scene.change.delete(SHARD, f"{scene.message.id}/{name}")
    records = scene.world.journal.children(PRODUCT.host, scene.message.id)
    kept = [record.message for record in records if record.message.shard_name not in gone]
    if not any(host.type == DATA for host in kept):
        raise refusal.precondition(f"the last shard of cluster {scene.message.id} cannot be deleted")
    for record in records:
        if record.message.shard_name in gone:
            scene.change.delete(PRODUCT.host, record.key)
    scene.work.lists["shard_names"] = sorted(gone)
    databases.put_cluster(PRODUCT, scene, kept)


def _add_coordinators(scene: Scene) -> None:
    scene.message.config.zookeeper.resources.CopyFrom(scene.request.resources)
    hosts = [record.message for record in scene.world.journal.children(PRODUCT.host, scene.message.id)]
    added = [_host_of_shard(scene, spec) for spec in scene.request.host_specs]
    for host in added:
        host.type, host.shard_name = COORDINATORS[0], ""
        host.resources.CopyFrom(scene.request.resources)
        scene.change.put(Record(host.name, scene.message.id, host))
    databases.put_cluster(PRODUCT, scene, [*hosts, *added])


def _listed(kind: str, field: str) -> Any:
    def handler(world: World, call: Call) -> Any:
        CLUSTERS.find(world, call.request.cluster_id)
        found = [record.message for record in world.journal.children(kind, call.request.cluster_id)]
        return pages.page(found, call.request, call.method.answer(), field)

    return handler


def _nothing(world: World, call: Call) -> Any:
    """A list of what cannot be made here, of a cluster that is there."""
    CLUSTERS.find(world, call.request.cluster_id)
    return call.method.answer()


def _database(scene: Scene) -> None:
    scene.message.engine = scene.message.engine or 1  # ATOMIC
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    database = contract.Database(scene.message.name)
    scene.work.deeds.append(lambda: scene.world.backing.put_database(shape, database))


def _database_gone(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    scene.work.deeds.append(lambda: scene.world.backing.remove_database(shape, scene.message.name))


DATABASES = child(PRODUCT, "DatabaseService", "Database", "Database", "databases", build=_database, remove=_database_gone)


def _user(scene: Scene) -> None:
    owner, _ = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    _check_permissions(scene, scene.request.user_spec.permissions, "user_spec.permissions")
    _complete_user(scene, scene.message, scene.extra, owner, password_of(scene, scene.request.user_spec))
    _put_user(scene)


def _complete_user(scene: Scene, user: Any, extra: dict[str, Any], owner: Any, password: str) -> None:
    extra["password"] = password
    user.settings.SetInParent()
    user.auth_method = user.auth_method or 1  # PASSWORD
    connection = connections.put(scene.world, scene.change, "clickhouse", owner, user.name, password)
    user.connection_manager.connection_id = user.user_connection_manager.connection_id = connection


def _user_changed(scene: Scene) -> None:
    wants = scene.touches("generate_password") and scene.request.generate_password.value
    if (scene.touches("password") and scene.request.password) or wants:
        owner, _ = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
        scene.extra["password"] = password_of(scene, scene.request)
        connections.put(
            *(scene.world, scene.change, "clickhouse", owner, scene.message.name, scene.extra["password"]),
            scene.message.connection_manager.connection_id,
        )
    if scene.touches("permissions"):
        _check_permissions(scene, scene.request.permissions, "permissions")
    _put_user(scene)


def _user_gone(scene: Scene) -> None:
    connections.remove(scene.world, scene.change, scene.message.connection_manager.connection_id)
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    scene.work.deeds.append(lambda: scene.world.backing.remove_user(shape, scene.message.name))


def _grant(scene: Scene) -> None:
    _check_permissions(scene, [scene.request.permission], "permission")
    if scene.request.permission not in scene.message.permissions:
        scene.message.permissions.append(scene.request.permission)
    _put_user(scene)


def _revoke(scene: Scene) -> None:
    kept = [found for found in scene.message.permissions if found.database_name != scene.request.database_name]
    del scene.message.permissions[:]
    scene.message.permissions.extend(kept)
    _put_user(scene)


def _check_permissions(scene: Scene, permissions: Any, path: str) -> None:
    for index, permission in enumerate(permissions):
        if scene.world.journal.get(DATABASES.message, f"{scene.message.cluster_id}/{permission.database_name}") is None:
            raise refusal.not_found("Database", f"{permission.database_name} ({path}[{index}].database_name)")


def _put_user(scene: Scene) -> None:
    _, shape = owner_of(scene.world, PRODUCT, scene.message.cluster_id)
    user = user_of(scene.message, scene.extra)
    scene.work.deeds.append(lambda: scene.world.backing.put_user(shape, user))


USERS = child(PRODUCT, "UserService", "User", "User", "users", build=_user, change=_user_changed, remove=_user_gone)


def user_of(message: Any, extra: Mapping[str, Any]) -> contract.User:
    settings = {name: str(value) for name, value in flat(message.settings).items()}
    return contract.User(message.name, Secret(extra.get("password", "")), grants(message.permissions), settings)
