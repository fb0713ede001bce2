"""Hosts of the database clusters: placed in a zone, added, changed, removed, listed."""

from __future__ import annotations

from typing import Any

from kit.yandex import refusal
from kit.yandex.engine import descriptors, ids, references
from kit.yandex.engine.journal import Record
from kit.yandex.engine.resource import MutationContext
from kit.yandex.managed.product import Product, put_cluster, role_of

ALIVE = 1


def place_host(context: MutationContext, product: Product, zone_id: str, subnet_id: str = "") -> Any:
    """A new host in a zone, in the network's subnet there unless one is named."""
    host = descriptors.message(product.host)(
        name=ids.host(zone_id), cluster_id=context.message.id, zone_id=zone_id, subnet_id=subnet_id, health=ALIVE
    )
    if not subnet_id:
        subnets = [record.message for record in context.journal.all(references.SUBNET)]
        here = [found for found in subnets if found.network_id == context.message.network_id and found.zone_id == zone_id]
        if not here:
            raise refusal.invalid("zone_id", f"network {context.message.network_id} has no subnet in zone {zone_id}")
        host.subnet_id = here[0].id
    host.resources.CopyFrom(product.resources(context.message))
    return host


def add_hosts(product: Product, context: MutationContext) -> None:
    """AddHosts: replicas, or hosts of the type that is asked for."""
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
    before = [record.message for record in context.journal.children(product.host, context.message.id)]
    _hosts_changed(product, context, [*before, *added], [host.name for host in added])


def delete_hosts(product: Product, context: MutationContext) -> None:
    """DeleteHosts: where the master goes, another host becomes it. The last one stays."""
    hosts = {record.key: record.message for record in context.journal.children(product.host, context.message.id)}
    for index, name in enumerate(context.request.host_names):
        if name not in hosts:
            raise refusal.invalid(f"host_names[{index}]", f"cluster {context.message.id} has no host {name}")
        gone = hosts.pop(name)
        context.change.delete(product.host, name)
        if role_of(gone) == "MASTER" and hosts:
            promoted = next(iter(hosts.values()))
            fresh = type(promoted)()
            fresh.CopyFrom(promoted)
            fresh.role = gone.role
            hosts[fresh.name] = fresh
            context.change.put(Record(fresh.name, context.message.id, fresh))
    if not hosts:
        raise refusal.precondition(f"the last host of cluster {context.message.id} cannot be deleted")
    _hosts_changed(product, context, list(hosts.values()), list(context.request.host_names))


def update_hosts(product: Product, context: MutationContext) -> None:
    """UpdateHosts: each by an update mask of its own."""
    hosts = {record.key: record for record in context.journal.children(product.host, context.message.id)}
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
