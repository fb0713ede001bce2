"""Checks the hosts of a database cluster: class, disk, number, places. The facts are in presets.yaml, disks.yaml and hosts.yaml.

Which code the cloud answers is known for a disk's size (FAILED_PRECONDITION: terraform-provider-yandex issue 362) and for a class
or type that is not offered (INVALID_ARGUMENT: issue 411, of OpenSearch); the rest of the codes is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kit.yandex import refusal
from kit.yandex.rules import catalog, data
from kit.yandex.rules.catalog import Preset
from kit.yandex.rules.data import GB


@dataclass(frozen=True, slots=True)
class HostGroup:
    """Hosts that are alike: all of a cluster, those of one shard, or its coordinators."""

    path: str  # where their resources stand in a request
    resources: Any
    hosts: Sequence[Any]
    scaling: Any = None  # the message of the disk's automatic growth
    is_shard: bool = False
    is_sharded: bool = False  # whether its cluster is


def check(engine: str, group: HostGroup, before: Any = None) -> None:
    """Refuse what the service does not offer. `before`: the resources of the same hosts so far."""
    wanted = group.resources
    if not wanted.resource_preset_id and not wanted.disk_size:
        return  # the service has its own defaults
    preset = _offered(engine, wanted, group.path)
    disk = _disk(engine, preset, wanted, group.path)
    _check_size(disk, preset, wanted.disk_size)
    if before is not None and wanted.disk_size < before.disk_size:
        raise refusal.precondition(f"disk_size cannot be decreased: {before.disk_size} bytes now, {wanted.disk_size} wanted")
    fewest = disk.get("hosts_of_a_shard", disk.get("hosts", 1)) if group.is_sharded else disk.get("hosts", 1)
    if len(group.hosts) < fewest:
        where = "shard" if group.is_shard else "cluster"
        raise refusal.invalid("host_specs", f"disk type {wanted.disk_type_id} needs at least {fewest} hosts in a {where}")


def check_scaling(engine: str, group: HostGroup, is_weekly: bool) -> None:
    """Refuse thresholds and limits that do not go together. `is_weekly`: maintenance has a window."""
    if group.scaling is None:
        return
    limit, planned, emergency = (
        _number(group.scaling, name) for name in ("disk_size_limit", "planned_usage_threshold", "emergency_usage_threshold")
    )
    if planned and not is_weekly:  # terraform-provider-yandex issue 436 has the cloud's words
        raise refusal.invalid("maintenance_window", "If planned usage threshold is set maintenance window must be specified.")
    path = group.path.replace("resources", "disk_size_autoscaling")
    if planned and emergency and emergency < planned:
        raise refusal.invalid(f"{path}.emergency_usage_threshold", f"it must not be below planned_usage_threshold, {planned}")
    if (planned or emergency) and limit < group.resources.disk_size:
        raise refusal.invalid(f"{path}.disk_size_limit", f"it must not be below disk_size, {group.resources.disk_size}")
    if limit:
        preset = catalog.preset(group.resources.resource_preset_id)
        disk = _disk(engine, preset, group.resources, group.path) if preset else None
        if disk and limit > disk["maximum"] * GB:
            raise refusal.invalid(f"{path}.disk_size_limit", f"a {disk['type']} disk has at most {disk['maximum']} GB")


def check_kafka(zones: Sequence[str], in_each: int) -> None:
    """KRaft's combined mode: three brokers, all in one zone or one in each of three."""
    rule = data.read("hosts.yaml")["kafka"]
    brokers = rule["brokers"]["value"]
    if len(set(zones)) not in rule["zones"]["value"] or len(set(zones)) != len(zones):
        raise refusal.invalid("config_spec.zone_id", "brokers stand in one zone or in three")
    if len(zones) * in_each != brokers:
        shapes = f"3 in one zone, or 1 in each of three; here are {len(zones)} × {in_each}"
        message = f"KRaft's combined mode has {brokers} brokers: {shapes}"
        raise refusal.invalid("config_spec.brokers_count", message)


def check_number(engine: str, rule: str, found: int, field: str = "host_specs") -> None:
    """Refuse more or fewer than hosts.yaml says."""
    low, high = data.read("hosts.yaml")[engine][rule]["value"]
    if not low <= found <= high:
        raise refusal.invalid(field, f"between {low} and {high} are possible ({rule.replace('_', ' ')}), here are {found}")


def check_coordination(shards: Iterable[Sequence[Any]], coordinators: Sequence[Any], *, is_embedded: bool) -> None:
    """ClickHouse: replicas need Keeper or ZooKeeper, on 3 or 5 hosts of their own, or Keeper on 3 or more of the data hosts."""
    rule = data.read("hosts.yaml")["clickhouse"]
    shards = list(shards)
    data_hosts = sum(len(hosts) for hosts in shards)
    is_replicated = any(len(hosts) > 1 for hosts in shards)
    if coordinators and len(coordinators) not in rule["coordinators"]["value"]:
        numbers = " or ".join(str(number) for number in rule["coordinators"]["value"])
        raise refusal.invalid("host_specs", f"{numbers} hosts of Keeper or ZooKeeper are possible, here are {len(coordinators)}")
    if len({host.type for host in coordinators}) > 1:
        raise refusal.invalid("host_specs", "hosts of Keeper and of ZooKeeper exclude each other")
    if is_embedded and coordinators:
        raise refusal.invalid(
            "config_spec.embedded_keeper", "embedded Keeper and hosts of Keeper or ZooKeeper exclude each other"
        )
    fewest = rule["embedded_keeper"]["value"]
    if is_embedded and is_replicated and data_hosts < fewest:
        raise refusal.invalid("config_spec.embedded_keeper", f"it needs at least {fewest} hosts for replication")
    if is_replicated and not coordinators and not is_embedded:
        raise refusal.invalid("host_specs", "replicas need hosts of Keeper or ZooKeeper, or embedded_keeper")
    cores = sum(_cores(host) for hosts in shards for host in hosts)
    if cores >= rule["large_cluster_cores"]["value"]:
        needed = rule["coordinator_cores"]["value"]
        if any(_cores(host) < needed for host in coordinators):
            message = f"with {cores} cores of ClickHouse each coordinator needs {needed}"
            raise refusal.invalid("config_spec.zookeeper.resources.resource_preset_id", message)


def adds_zookeeper(zones: Iterable[str]) -> bool:
    """Whether the service adds ZooKeeper to replicas by itself, where the network has subnets in these zones."""
    return len(set(zones)) >= int(data.read("hosts.yaml")["clickhouse"]["zones_for_zookeeper"]["value"])


def _offered(engine: str, wanted: Any, path: str) -> Preset:
    found = next((preset for preset in catalog.presets(engine) if preset.id == wanted.resource_preset_id), None)
    if found is None:
        raise _unavailable(wanted, f"{path}.resource_preset_id")
    return found


def _disk(engine: str, preset: Preset, wanted: Any, path: str) -> dict[str, Any]:
    for row in data.read("disks.yaml")[engine]:
        is_for = preset.family in row.get("families", [preset.family]) and preset.family not in row.get("except", ())
        if row["type"] == wanted.disk_type_id and is_for:
            return dict(row)
    raise _unavailable(wanted, f"{path}.disk_type_id")


def _unavailable(wanted: Any, field: str) -> refusal.Refusal:
    said = f'resource preset "{wanted.resource_preset_id}" and disk type "{wanted.disk_type_id}" are not available'
    return refusal.invalid(field, said)


def _check_size(disk: dict[str, Any], preset: Preset, size: int) -> None:
    low = max(disk["minimum"] * GB, disk.get("memory", 0) * preset.memory_bytes)
    high, step = disk["maximum"] * GB, disk.get("step", 0) * GB
    if not low <= size <= high:
        raise refusal.precondition(f"Invalid disk_size of {disk['type']}: {low} to {high} bytes are possible, {size} is wanted")
    if step and size % step:
        sizes = [low + (-low) % step + step * number for number in range(3)]
        raise refusal.precondition(
            f"Invalid disk_size, use one of {[*sizes, '…']}: {disk['type']} comes in steps of {disk['step']} GB"
        )


def _cores(host: Any) -> int:
    found = catalog.preset(host.resources.resource_preset_id)
    return found.cores if found else 0


def _number(message: Any, name: str) -> int:
    found = getattr(message, name)
    return int(getattr(found, "value", found))
