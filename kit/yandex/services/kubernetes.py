"""Managed Kubernetes: the master as the API shows it, node groups, versions. One Kind cluster stands behind it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from kit.yandex import contract, refusal
from kit.yandex.contract import Engine
from kit.yandex.engine import bindings, ids
from kit.yandex.engine.journal import Record
from kit.yandex.engine.plan import ResponsePatch
from kit.yandex.engine.references import SUBNET
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, set_status
from kit.yandex.engine.state import Call, EmulatorState
from kit.yandex.rules import catalog, nodes, upgrades
from kit.yandex.rules.data import GB

CLUSTER, GROUP = "k8s.v1.Cluster", "k8s.v1.NodeGroup"
RUNNING, STOPPED, HEALTHY = 2, 5, 1
REGULAR = 2
CHANNELS = {1: "RAPID", 2: "REGULAR", 3: "STABLE"}
BACKED = "the Kind cluster of the stack"
INTERNAL = ipaddress.ip_network("198.18.0.0/15")  # the benchmarking network: nobody's


def register(registry: Registry) -> None:
    for resource in (CLUSTERS, GROUPS):
        resource.register(registry)
    bindings.register(registry, CLUSTERS)
    registry.add(CLUSTERS.service, "ListNodeGroups", CLUSTERS.lister(GROUP))
    registry.add(CLUSTERS.service, "Start", CLUSTERS.action(set_status(RUNNING)))
    registry.add(CLUSTERS.service, "Stop", CLUSTERS.action(set_status(STOPPED)))
    registry.add("k8s.v1.VersionService", "List", list_versions)


def _build_cluster(context: MutationContext) -> None:
    request, message = context.request, context.message
    spec, master = request.master_spec, message.master
    if not spec.WhichOneof("master_type") and not spec.locations:
        raise refusal.invalid("master_spec.master_type", "one of zonal_master_spec and regional_master_spec must be given")
    version = spec.version or _newest(request.release_channel or REGULAR)
    catalog.check_version("k8s", version, "master_spec.version")
    message.status, message.health = RUNNING, HEALTHY
    message.release_channel = message.release_channel or REGULAR
    master.version = version
    master.version_info.current_version = version
    _set_locations(context, spec, master)
    if not master.HasField("maintenance_policy"):
        master.maintenance_policy.auto_upgrade = True
    if master.maintenance_policy.maintenance_window.WhichOneof("policy") is None:
        master.maintenance_policy.maintenance_window.anytime.SetInParent()
    master.resources.cores, master.resources.memory, master.resources.core_fraction = 2, 8 * GB, 100
    if spec.scale_policy.WhichOneof("scale_type") is None:
        master.scale_policy.auto_scale.min_resource_preset_id = "s-c2-m8"
    _set_address_ranges(message)
    _check_account(context, is_public=_is_public(spec))
    wanted = cluster_of(message)
    context.then(lambda: _put_cluster(context.state, wanted, _is_public(spec)))
    context.plan.undo = lambda: context.backing.remove_cluster(wanted)


def _check_account(context: MutationContext, *, is_public: bool) -> None:
    """The cloud looks at the roles of the cluster's account in its folder when it makes the cluster."""
    message = context.message
    places = (message.folder_id, ids.CLOUD)
    roles = {role for place in places for role in bindings.arrived(context.state, place, message.service_account_id)}
    nodes.check_account(message, roles, is_public=is_public)


def _set_locations(context: MutationContext, spec: Any, master: Any) -> None:
    """Make the master zonal or regional; its locations are shown in both spellings that the API has had."""
    master.etcd_cluster_size = 1
    places = [(location.zone_id, location.subnet_id) for location in spec.locations]
    if spec.WhichOneof("master_type") == "regional_master_spec":
        given = spec.regional_master_spec.locations
        places = places or [(found.zone_id, found.internal_v4_address_spec.subnet_id) for found in given]
        master.regional_master.region_id = spec.regional_master_spec.region_id or "ru-central1"
    elif spec.WhichOneof("master_type") == "zonal_master_spec":
        zonal = spec.zonal_master_spec
        places = places or [(zonal.zone_id, zonal.internal_v4_address_spec.subnet_id)]
        master.zonal_master.zone_id = zonal.zone_id
    elif len(places) > 1:
        master.regional_master.region_id = "ru-central1"
    else:
        master.zonal_master.zone_id = places[0][0]
    if master.WhichOneof("master_type") == "regional_master":
        master.etcd_cluster_size = 3
    del master.locations[:]
    for zone, subnet in places:
        master.locations.add(zone_id=zone, subnet_id=subnet or _subnet_in(context, zone))


def _subnet_in(context: MutationContext, zone: str) -> str:
    for record in context.journal.all(SUBNET):
        if record.message.zone_id == zone and record.message.network_id == context.message.network_id:
            return record.key
    raise refusal.invalid("master_spec.locations", f"network {context.message.network_id} has no subnet in zone {zone}")


def _set_address_ranges(message: Any) -> None:
    policy = message.ip_allocation_policy
    policy.cluster_ipv4_cidr_block = policy.cluster_ipv4_cidr_block or "10.112.0.0/16"
    policy.service_ipv4_cidr_block = policy.service_ipv4_cidr_block or "10.96.0.0/16"
    policy.node_ipv4_cidr_mask_size = policy.node_ipv4_cidr_mask_size or 24


def _is_public(spec: Any) -> bool:
    return any(
        (
            spec.zonal_master_spec.HasField("external_v4_address_spec"),
            spec.regional_master_spec.HasField("external_v4_address_spec"),
            spec.HasField("external_v4_address_spec"),
        )
    )


def _put_cluster(state: EmulatorState, wanted: contract.Cluster, is_public: bool) -> ResponsePatch:
    access = state.backing.put_cluster(wanted)
    assert access is not None  # of a Kubernetes cluster

    def patch(message: Any) -> None:
        master = message.master
        master.endpoints.internal_v4_endpoint = access.internal
        if is_public:
            master.endpoints.external_v4_endpoint = access.external
        master.master_auth.cluster_ca_certificate = access.ca_pem
        kind = getattr(master, master.WhichOneof("master_type"))
        kind.internal_v4_address = _ip_address(access.internal)
        if is_public:
            kind.external_v4_address = _ip_address(access.external)

    return patch


def _ip_address(url: str) -> str:
    """The address in a URL, for fields that hold addresses; where it is a name, an address that is nobody's."""
    name = url.partition("://")[2].rpartition(":")[0]
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return str(INTERNAL[1])


def _change_cluster(context: MutationContext) -> None:
    spec, master = context.request.master_spec, context.message.master
    if context.touches("master_spec.version"):
        _upgrade(context.message.master, spec.version, "master_spec.version.version")
    if context.touches("master_spec.locations"):
        del master.locations[:]
        for location in spec.locations:
            master.locations.add(zone_id=location.zone_id, subnet_id=location.subnet_id or _subnet_in(context, location.zone_id))
    _set_address_ranges(context.message)


def _upgrade(target: Any, wanted: Any, field: str) -> None:
    """Set the version. In an update it is a message; copied by name it would have landed in a string."""
    if wanted.version:
        catalog.check_version("k8s", wanted.version, field)
        upgrades.check("k8s", target.version_info.current_version, wanted.version, field)
        if "version" in target.DESCRIPTOR.fields_by_name:
            target.version = wanted.version
        target.version_info.current_version = wanted.version


def _remove_cluster(context: MutationContext) -> None:
    gone = cluster_of(context.message)
    context.then(lambda: context.backing.remove_cluster(gone))


def cluster_of(message: Any) -> contract.Cluster:
    """The cluster as the backing gets it."""
    return contract.Cluster(message.id, Engine.KUBERNETES, message.name, message.folder_id, message.master.version)


def _cluster_exists(state: EmulatorState, record: Record) -> bool:
    return record.message.status != RUNNING or state.backing.observe_cluster(cluster_of(record.message)).exists


def _build_group(context: MutationContext) -> None:
    message = context.message
    owner = context.state.find(CLUSTER, message.cluster_id, "Cluster").message
    version = context.request.version or owner.master.version
    catalog.check_version("k8s", version, "version")
    message.status = RUNNING
    message.instance_group_id = ids.new("cl1")
    message.node_version = version
    message.version_info.current_version = version
    template = message.node_template
    if template.container_runtime_settings.type == 0:
        template.container_runtime_settings.type = 2  # CONTAINERD
    if not template.platform_id:
        template.platform_id = "standard-v3"
    if not message.HasField("maintenance_policy"):
        message.maintenance_policy.auto_upgrade = message.maintenance_policy.auto_repair = True
    if message.maintenance_policy.maintenance_window.WhichOneof("policy") is None:
        message.maintenance_policy.maintenance_window.anytime.SetInParent()
    if not message.HasField("deploy_policy"):
        message.deploy_policy.max_expansion = 3
    if not message.allocation_policy.locations:
        zones = [(found.zone_id, found.subnet_id) for found in owner.master.locations]
        for zone, subnet in zones[:1]:
            message.allocation_policy.locations.add(zone_id=zone, subnet_id=subnet)
    for location in message.allocation_policy.locations:
        if not location.subnet_id:
            interfaces = template.network_interface_specs
            location.subnet_id = _subnet_of(context, location.zone_id, interfaces[0].subnet_ids if interfaces else ())
    _check_group(context)


def _subnet_of(context: MutationContext, zone: str, subnets: Iterable[str]) -> str:
    """Of the subnets of the nodes' interface, the one in this zone."""
    listed = [record.message for key in subnets if (record := context.journal.get(SUBNET, key)) is not None]
    return next((subnet.id for subnet in listed if subnet.zone_id == zone), "")


def _check_group(context: MutationContext) -> None:
    message = context.message
    for index, location in enumerate(message.allocation_policy.locations):
        subnet = context.journal.get(SUBNET, location.subnet_id)
        if subnet is not None and location.zone_id and subnet.message.zone_id != location.zone_id:
            place = f"allocation_policy.locations[{index}].subnet_id"
            raise refusal.invalid(place, f"subnet {location.subnet_id} is in {subnet.message.zone_id}, not in {location.zone_id}")
    siblings = context.journal.children(GROUP, message.cluster_id)
    nodes.check(message, [record.message for record in siblings if record.key != message.id])


def _change_group(context: MutationContext) -> None:
    nodes.check_stays(context.state.find(GROUP, context.message.id, "Node group").message, context.message)
    _check_group(context)
    if context.touches("version"):
        wanted = context.request.version
        if wanted.version:
            catalog.check_version("k8s", wanted.version, "version.version")
            upgrades.check("k8s", context.message.version_info.current_version, wanted.version, "version.version")
            context.message.node_version = wanted.version
            context.message.version_info.current_version = wanted.version


CLUSTERS = Resource(
    *("k8s.v1.ClusterService", CLUSTER, "Cluster", "cat"),
    build=_build_cluster,
    change=_change_cluster,
    remove=_remove_cluster,
    backed=BACKED,
    exists=_cluster_exists,
)
GROUPS = Resource(
    *("k8s.v1.NodeGroupService", GROUP, "Node group", "cat"),
    scope="cluster_id",
    parent=CLUSTER,
    build=_build_group,
    change=_change_group,
)


def list_versions(state: EmulatorState, call: Call) -> Any:
    answer = call.method.answer()
    for number, name in CHANNELS.items():
        open_ones = [version.id for version in catalog.open_versions("k8s") if name in version.channels]
        answer.available_versions.add(release_channel=number, versions=open_ones)
    return answer


def _newest(channel: int) -> str:
    open_ones = [version.id for version in catalog.open_versions("k8s") if CHANNELS[channel] in version.channels]
    return open_ones[-1]
