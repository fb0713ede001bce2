"""What the four database services have in common: a cluster with hosts, users inside it, backups, and a container behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kit.endpoints import Secret
from kit.yandex import contract
from kit.yandex.contract import Engine
from kit.yandex.engine import bindings, descriptors, ids, pages, references, refusal
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, delete_with_children
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.managed import connections
from kit.yandex.rules import offers

RUNNING, STOPPED = 2, 6
ALIVE = 1
PRODUCTION = 1
BACKED = "a container of its own"


@dataclass(frozen=True)
class Product:
    """One service. The callables are what differs."""

    engine: Engine
    configure: Callable[[MutationContext], None]  # the configuration as the API shows it, after create and after update
    hosts: Callable[[MutationContext], list[Any]]  # the hosts of a new cluster
    settings: Callable[[Any], Mapping[str, str | int | float | bool]]
    resources: Callable[[Any], Any]  # of one host, in the cluster's configuration
    inline: Callable[[MutationContext], None] | None = None  # users, databases, topics in the create request
    password: Callable[[Mapping[str, Any]], str] = field(default=lambda extra: str(extra.get("password", "")))

    @property
    def package(self) -> str:
        return f"mdb.{self.engine.value}.v1"

    @property
    def service(self) -> str:
        return f"{self.package}.ClusterService"

    @property
    def cluster(self) -> str:
        return f"{self.package}.Cluster"

    @property
    def host(self) -> str:
        return f"{self.package}.Host"


def clusters(product: Product) -> Resource:
    """The cluster's own resource."""

    def build(context: MutationContext) -> None:
        _build(product, context)

    def change(context: MutationContext) -> None:
        product.configure(context)
        _check_resources(product, context.message)
        put_cluster(product, context)

    def remove(context: MutationContext) -> None:
        gone = cluster_of(context.state, product, context.message, context.extra)
        connections.remove_all(context.state, context.change, context.message.id)
        for backup in context.state.journal.all(
            f"{product.package}.Backup"
        ):  # the cloud keeps them for a week; here nothing stays
            if backup.message.source_cluster_id == context.message.id:
                context.change.delete(backup.kind, backup.key)
        delete_with_children(context.state, context.change, context.state.find(product.cluster, context.message.id, "Cluster"))
        context.plan.side_effects.append(lambda: context.state.backing.remove_cluster(gone))

    def is_there(state: EmulatorState, record: Record) -> bool:
        return inventory(state, product, record).exists

    return Resource(
        *(product.service, product.cluster, "Cluster", "c9q"),
        build=build,
        change=change,
        remove=remove,
        backed=BACKED,
        is_there=is_there,
        forgotten=lambda state, change, record: connections.remove_all(state, change, record.key),
    )


def register(registry: Registry, product: Product, resource: Resource) -> None:
    """The cluster service's methods that are alike in all four."""
    resource.register(registry)
    bindings.register(registry, resource)
    methods = descriptors.methods(product.service)
    alike = {
        "ListHosts": list_hosts(product, resource),
        "Start": resource.act(_status(RUNNING)),
        "Stop": resource.act(_status(STOPPED)),
        "AddHosts": resource.act(lambda context: _add_hosts(product, context)),
        "DeleteHosts": resource.act(lambda context: _delete_hosts(product, context)),
        "UpdateHosts": resource.act(lambda context: _update_hosts(product, context)),
        "ListBackups": _list_backups(product, resource),
        "Backup": resource.act(lambda context: _backup(product, context)),
    }
    for name, handler in alike.items():
        if name in methods:
            registry.add(product.service, name, handler, backed=BACKED if name.endswith("Hosts") and name != "ListHosts" else "")
    registry.add(f"{product.package}.VersionsService", "List", _list_versions(product))
    registry.add(f"{product.package}.ResourcePresetService", "List", _list_presets)
    registry.add(f"{product.package}.ResourcePresetService", "Get", _get_preset)
    if f"/yandex.cloud.{product.package}.BackupService/Get" in descriptors.catalogue():
        backups = Resource(f"{product.package}.BackupService", f"{product.package}.Backup", "Backup", "c9q")
        backups.register(registry)


def child(product: Product, service: str, message: str, noun: str, what: str, **hooks: Any) -> Resource:
    """Something inside a cluster, with a name and no id. `what` is its field in the backing's inventory."""

    def is_there(state: EmulatorState, record: Record) -> bool:
        owner = state.journal.get(product.cluster, record.parent)
        if owner is None:
            return False
        found = inventory(state, product, owner)
        names = getattr(found, what)
        return found.exists and (names is None or record.message.name in names)

    return Resource(
        f"{product.package}.{service}",
        f"{product.package}.{message}",
        noun,
        scope="cluster_id",
        parent=product.cluster,
        is_named=True,
        is_there=is_there,
        forgotten=_forget_connection,
        backed=f"{noun.lower()} in the container",
        **hooks,
    )


def _forget_connection(state: EmulatorState, change: Change, record: Record) -> None:
    """With a user that is no longer there, its password goes."""
    if "connection_manager" in record.message.DESCRIPTOR.fields_by_name:
        connections.remove(state, change, record.message.connection_manager.connection_id)


def cluster_of(
    state: EmulatorState, product: Product, message: Any, extra: Mapping[str, Any], hosts: Iterable[Any] = ()
) -> contract.Cluster:
    """The cluster as the backing sees it. `hosts`: those of a cluster that is not in the journal yet."""
    found = list(hosts) or [record.message for record in state.journal.children(product.host, message.id)]
    preset = offers.preset(product.resources(message).resource_preset_id)
    password = product.password(extra)
    return contract.Cluster(
        id=message.id,
        engine=product.engine,
        name=message.name,
        folder_id=message.folder_id,
        version=message.config.version,
        hosts=tuple(contract.Host(host.name, host.zone_id, _role(host)) for host in found),
        memory_bytes=preset.memory_bytes if preset else 0,
        settings=product.settings(message),
        password=Secret(password) if password else None,
    )


def owner_of(state: EmulatorState, product: Product, cluster_id: str) -> tuple[Any, contract.Cluster]:
    """A cluster's message and its shape for the backing."""
    record = state.find(product.cluster, cluster_id, "Cluster")
    return record.message, cluster_of(state, product, record.message, record.extra)


def inventory(state: EmulatorState, product: Product, record: Record) -> contract.Inventory:
    """What is really there; a cluster that is being made or changed is believed."""
    if record.message.status != RUNNING:
        return contract.Inventory(exists=True)
    return state.backing.observe_cluster(cluster_of(state, product, record.message, record.extra))


def put_cluster(product: Product, context: MutationContext, hosts: Iterable[Any] = ()) -> None:
    wanted = cluster_of(context.state, product, context.message, context.extra, hosts)
    context.plan.side_effects.append(lambda: context.state.backing.put_cluster(wanted))


def place_host(context: MutationContext, product: Product, zone_id: str, subnet_id: str = "") -> Any:
    """A new host in a zone, in the network's subnet there unless one is named."""
    host = descriptors.message(product.host)(
        name=ids.host(zone_id), cluster_id=context.message.id, zone_id=zone_id, subnet_id=subnet_id, health=ALIVE
    )
    if not subnet_id:
        subnets = [record.message for record in context.state.journal.all(references.SUBNET)]
        here = [found for found in subnets if found.network_id == context.message.network_id and found.zone_id == zone_id]
        if not here:
            raise refusal.invalid("zone_id", f"network {context.message.network_id} has no subnet in zone {zone_id}")
        host.subnet_id = here[0].id
    host.resources.CopyFrom(product.resources(context.message))
    return host


def list_hosts(product: Product, resource: Resource) -> Any:
    def handler(state: EmulatorState, call: Call) -> Any:
        resource.find(state, call.request.cluster_id)
        found = [record.message for record in state.journal.children(product.host, call.request.cluster_id)]
        return pages.page(found, call.request, call.method.answer(), "hosts")

    return handler


def password_of(context: MutationContext, spec: Any, required: bool = True) -> str:
    """The password given, or a generated one where that was asked for; exactly one of the two."""
    given = spec.password if "password" in spec.DESCRIPTOR.fields_by_name else next(iter(spec.passwords), "")
    wants = spec.HasField("generate_password") and spec.generate_password.value
    if given and wants:
        raise refusal.invalid("generate_password", "password and generate_password exclude each other")
    if not given and not wants and required:
        raise refusal.invalid("password", "one of password and generate_password must be given")
    return str(given or (ids.password() if wants else ""))


def grants(permissions: Iterable[Any]) -> tuple[contract.Grant, ...]:
    return tuple(contract.Grant(permission.database_name) for permission in permissions)


def _build(product: Product, context: MutationContext) -> None:
    message = context.message
    offers.check_version(product.engine.value, message.config.version, "config_spec.version")
    message.status, message.health = RUNNING, ALIVE
    message.environment = message.environment or PRODUCTION
    if message.maintenance_window.WhichOneof("policy") is None:
        message.maintenance_window.anytime.SetInParent()
    message.monitoring.add(name="Console", description="nothing is monitored", link=f"https://localhost/{message.id}")
    _check_resources(product, message)
    product.configure(context)
    hosts = product.hosts(context)
    if "is_ha" in message.DESCRIPTOR.fields_by_name:
        message.is_ha = len(hosts) > 1
    for host in hosts:
        context.change.put(Record(host.name, message.id, host))
    wanted = cluster_of(context.state, product, message, context.extra, hosts)
    context.plan.side_effects.append(lambda: context.state.backing.put_cluster(wanted))
    context.plan.undo = lambda: context.state.backing.remove_cluster(wanted)
    if product.inline is not None:
        product.inline(context)


def _check_resources(product: Product, message: Any) -> None:
    resources = product.resources(message)
    offers.check_preset(resources.resource_preset_id, "config_spec.resources.resource_preset_id")


def _add_hosts(product: Product, context: MutationContext) -> None:
    added = []
    for spec in context.request.host_specs:
        host = place_host(context, product, spec.zone_id, spec.subnet_id)
        for name in ("assign_public_ip", "shard_name", "replication_source", "type"):
            if name in spec.DESCRIPTOR.fields_by_name and getattr(spec, name):
                setattr(host, name, getattr(spec, name))
        if "role" in host.DESCRIPTOR.fields_by_name:
            host.role = 2  # REPLICA
        for name in ("priority", "replica_priority"):
            if name in spec.DESCRIPTOR.fields_by_name and spec.HasField(name):
                getattr(host, name).CopyFrom(getattr(spec, name))
        if "replica_priority" in host.DESCRIPTOR.fields_by_name and not host.HasField("replica_priority"):
            host.replica_priority.value = 100
        if "shard_name" in host.DESCRIPTOR.fields_by_name and not host.shard_name:
            host.shard_name = "shard1"
        added.append(host)
        context.change.put(Record(host.name, context.message.id, host))
    before = [record.message for record in context.state.journal.children(product.host, context.message.id)]
    _hosts_changed(product, context, [*before, *added], [host.name for host in added])


def _delete_hosts(product: Product, context: MutationContext) -> None:
    hosts = {record.key: record.message for record in context.state.journal.children(product.host, context.message.id)}
    for index, name in enumerate(context.request.host_names):
        if name not in hosts:
            raise refusal.invalid(f"host_names[{index}]", f"cluster {context.message.id} has no host {name}")
        gone = hosts.pop(name)
        context.change.delete(product.host, name)
        if _role(gone) == "MASTER" and hosts:
            promoted = next(iter(hosts.values()))
            fresh = type(promoted)()
            fresh.CopyFrom(promoted)
            fresh.role = gone.role
            hosts[fresh.name] = fresh
            context.change.put(Record(fresh.name, context.message.id, fresh))
    if not hosts:
        raise refusal.precondition(f"the last host of cluster {context.message.id} cannot be deleted")
    _hosts_changed(product, context, list(hosts.values()), list(context.request.host_names))


def _update_hosts(product: Product, context: MutationContext) -> None:
    hosts = {record.key: record for record in context.state.journal.children(product.host, context.message.id)}
    for index, spec in enumerate(context.request.update_host_specs):
        if spec.host_name not in hosts:
            raise refusal.invalid(f"update_host_specs[{index}].host_name", f"cluster {context.message.id} has no such host")
        fresh = hosts[spec.host_name].copy()
        for path in spec.update_mask.paths:
            if path not in fresh.DESCRIPTOR.fields_by_name:
                raise refusal.invalid(f"update_host_specs[{index}].update_mask", f"there is no field {path}")
            value = getattr(spec, path)
            if fresh.DESCRIPTOR.fields_by_name[path].message_type is not None:
                getattr(fresh, path).CopyFrom(value)
            else:
                setattr(fresh, path, getattr(value, "value", value))
        hosts[spec.host_name] = Record(fresh.name, context.message.id, fresh)
        context.change.put(hosts[spec.host_name])
    names = [spec.host_name for spec in context.request.update_host_specs]
    _hosts_changed(product, context, [record.message for record in hosts.values()], names)


def _hosts_changed(product: Product, context: MutationContext, hosts: list[Any], names: list[str]) -> None:
    if "is_ha" in context.message.DESCRIPTOR.fields_by_name:
        context.message.is_ha = len(hosts) > 1
    context.plan.lists["host_names"] = names
    put_cluster(product, context, hosts)


def _status(value: int) -> Any:
    def hook(context: MutationContext) -> None:
        if context.message.status == value:
            raise refusal.precondition(f"cluster {context.message.id} is so already")
        context.message.status = value

    return hook


def _backup(product: Product, context: MutationContext) -> None:
    backup = descriptors.message(f"{product.package}.Backup")(
        id=f"{context.message.id}:{ids.new('m')}", folder_id=context.message.folder_id, source_cluster_id=context.message.id
    )
    backup.created_at.CopyFrom(now())
    backup.started_at.CopyFrom(backup.created_at)
    backup.type = 2  # MANUAL
    context.change.put(Record(backup.id, backup.folder_id, backup))


def _list_backups(product: Product, resource: Resource) -> Any:
    def handler(state: EmulatorState, call: Call) -> Any:
        resource.find(state, call.request.cluster_id)
        found = [record.message for record in state.journal.all(f"{product.package}.Backup")]
        mine = [backup for backup in found if backup.source_cluster_id == call.request.cluster_id]
        return pages.page(mine, call.request, call.method.answer(), "backups")

    return handler


def _list_versions(product: Product) -> Any:
    def handler(state: EmulatorState, call: Call) -> Any:
        answer = call.method.answer()
        kind = answer.DESCRIPTOR.fields_by_name["version"].message_type
        for version in offers.versions(product.engine.value):
            item = answer.version.add(id=version.id, name=version.id)
            item.status = kind.fields_by_name["status"].enum_type.values_by_name[version.status].number
        return answer

    return handler


def _list_presets(state: EmulatorState, call: Call) -> Any:
    kind = descriptors.message(f"{call.method.service.rpartition('.')[0]}.ResourcePreset")
    return pages.page([_preset(kind, found) for found in offers.presets()], call.request, call.method.answer())


def _get_preset(state: EmulatorState, call: Call) -> Any:
    found = offers.preset(call.request.resource_preset_id)
    if found is None:
        raise refusal.not_found("Resource preset", call.request.resource_preset_id)
    return _preset(call.method.answer, found)


def _preset(kind: Any, found: offers.Preset) -> Any:
    answer = kind(id=found.id, cores=found.cores, memory=found.memory_bytes)
    answer.zone_ids.extend(["ru-central1-a", "ru-central1-b", "ru-central1-d"])
    return answer


def _role(host: Any) -> str:
    name = "role" if "role" in host.DESCRIPTOR.fields_by_name else "type"
    return str(host.DESCRIPTOR.fields_by_name[name].enum_type.values_by_number[getattr(host, name)].name)


def flat(message: Any) -> dict[str, str | int | float | bool]:
    """The wrappers and enums of a settings message that are set, by name; enums without their type's prefix."""
    found: dict[str, str | int | float | bool] = {}
    for item, value in message.ListFields():
        if item.is_repeated:
            continue
        if item.enum_type is not None:
            found[item.name] = item.enum_type.values_by_number[value].name
        elif item.message_type is None:
            found[item.name] = value
        elif item.message_type.full_name.startswith("google.protobuf.") and hasattr(value, "value"):
            found[item.name] = value.value
    return found
