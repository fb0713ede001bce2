"""Clusters of the four database services: made, changed, started, stopped, removed, and their versions and presets."""

from __future__ import annotations

from typing import Any

from kit.yandex import refusal
from kit.yandex.engine import bindings, descriptors, pagination
from kit.yandex.engine.journal import Record
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, set_status
from kit.yandex.engine.state import Call, EmulatorState
from kit.yandex.managed import backups, connections, hosts
from kit.yandex.managed.hosts import ALIVE
from kit.yandex.managed.parts import Parts
from kit.yandex.managed.product import BACKED, RUNNING, STOPPED, Product, cluster_of, inventory, put_cluster
from kit.yandex.rules import catalog, upgrades

PRODUCTION = 1


def clusters(product: Product, *parts: Parts) -> Resource:
    """The resource of a product's clusters. `parts`, in this order: what a create request lists, or a backup holds."""

    def build(context: MutationContext) -> None:
        _build(product, parts, context)

    def change(context: MutationContext) -> None:
        before = context.state.find(product.cluster, context.message.id, "Cluster").message
        upgrades.check(product.engine.value, before.config.version, context.message.config.version, "config_spec.version")
        product.configure(context)
        put_cluster(product, context)

    def remove(context: MutationContext) -> None:
        gone = cluster_of(context.state, product, context.message, context.extra)
        connections.remove_all(context.state, context.change, context.message.id)
        context.then(lambda: context.backing.remove_cluster(gone))

    def exists(state: EmulatorState, record: Record) -> bool:
        return inventory(state, product, record).exists

    return Resource(
        *(product.service, product.cluster, "Cluster", "c9q"),
        build=build,
        change=change,
        remove=remove,
        backed=BACKED,
        exists=exists,
        on_forget=lambda state, change, record: connections.remove_all(state, change, record.key),
    )


def register(registry: Registry, product: Product, resource: Resource, *parts: Parts) -> None:
    """Answer the methods of clusters, versions, presets and backups that the four services have in common."""
    resource.register(registry)
    bindings.register(registry, resource)
    methods = descriptors.methods(product.service)
    alike = {
        "ListHosts": resource.lister(product.host),
        "Start": resource.action(set_status(RUNNING)),
        "Stop": resource.action(set_status(STOPPED)),
        "AddHosts": resource.action(lambda context: hosts.add_hosts(product, context)),
        "DeleteHosts": resource.action(lambda context: hosts.delete_hosts(product, context)),
        "UpdateHosts": resource.action(lambda context: hosts.update_hosts(product, context)),
    }
    for name, handler in alike.items():
        if name in methods:
            registry.add(product.service, name, handler, backed=BACKED if name.endswith("Hosts") and name != "ListHosts" else "")
    registry.add(f"{product.package}.VersionsService", "List", _list_versions(product))
    registry.add(f"{product.package}.ResourcePresetService", "List", _list_presets(product))
    registry.add(f"{product.package}.ResourcePresetService", "Get", _get_preset(product))
    backups.register(registry, product, resource, parts)


def _build(product: Product, parts: tuple[Parts, ...], context: MutationContext) -> None:
    message = context.message
    catalog.check_version(product.engine.value, message.config.version, "config_spec.version")
    message.status, message.health = RUNNING, ALIVE
    message.environment = message.environment or PRODUCTION
    if message.maintenance_window.WhichOneof("policy") is None:
        message.maintenance_window.anytime.SetInParent()
    message.monitoring.add(name="Console", description="nothing is monitored", link=f"https://localhost/{message.id}")
    if "disk_encryption_key_id" in message.DESCRIPTOR.fields_by_name and not message.disk_encryption_key_id.value:
        message.ClearField("disk_encryption_key_id")  # sent empty, it takes the encryption from what is restored
    product.configure(context)
    if not getattr(context.request, "host_specs", True):
        raise refusal.invalid("host_specs", "at least one host must be given")
    placed = product.hosts(context)
    if "is_ha" in message.DESCRIPTOR.fields_by_name:
        message.is_ha = len(placed) > 1
    for host in placed:
        context.change.put(Record(host.name, message.id, host))
    wanted = put_cluster(product, context, placed)
    context.plan.undo = lambda: context.backing.remove_cluster(wanted)
    for each in parts:
        each.make_inline(context, wanted)
    if "backup_id" in context.request.DESCRIPTOR.fields_by_name:
        backups.restore_into(product, parts, context, wanted)


def _list_versions(product: Product) -> Any:
    def handler(state: EmulatorState, call: Call) -> Any:
        answer = call.method.answer()
        kind = answer.DESCRIPTOR.fields_by_name["version"].message_type
        for version in catalog.versions(product.engine.value):
            item = answer.version.add(id=version.id, name=version.id)
            item.status = kind.fields_by_name["status"].enum_type.values_by_name[version.status].number
        return answer

    return handler


def _list_presets(product: Product) -> Any:
    def handler(state: EmulatorState, call: Call) -> Any:
        kind = descriptors.message(f"{product.package}.ResourcePreset")
        found = [_preset(kind, each) for each in catalog.presets(product.engine.value)]
        return pagination.page(found, call.request, call.method.answer())

    return handler


def _get_preset(product: Product) -> Any:
    def handler(state: EmulatorState, call: Call) -> Any:
        wanted = call.request.resource_preset_id
        found = next((each for each in catalog.presets(product.engine.value) if each.id == wanted), None)
        if found is None:
            raise refusal.not_found("Resource preset", wanted)
        return _preset(call.method.answer, found)

    return handler


def _preset(kind: Any, found: catalog.Preset) -> Any:
    answer = kind(id=found.id, cores=found.cores, memory=found.memory_bytes)
    answer.zone_ids.extend(["ru-central1-a", "ru-central1-b", "ru-central1-d"])
    return answer
