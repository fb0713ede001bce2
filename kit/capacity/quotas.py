"""What a shape asks of the cloud's quotas, by the names of the quota manager. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from kit.capacity.need import Need
from kit.capacity.shape import Host, Shape


@dataclass(frozen=True, slots=True)
class Quota:
    """Sizes in GB."""

    id: str
    needed: float
    unit: str


def of(shape: Shape, needed: Need) -> tuple[Quota, ...]:
    """Nodes count with the most that they may grow to, Object Storage with what lies there when the first event goes."""
    databases = [host for host in (shape.kafka, shape.clickhouse, shape.postgres, shape.redis, shape.keeper) if host is not None]
    nodes = shape.nodes
    return (
        Quota("mdb.cpu.count", sum(host.count * host.cores for host in databases), ""),
        Quota("mdb.memory.size", sum(host.count * host.memory for host in databases), "GB"),
        Quota("mdb.ssd.size", sum(host.count * host.disk for host in databases), "GB"),
        Quota("compute.instances.count", nodes.count, ""),
        Quota("compute.instanceCores.count", nodes.count * nodes.cores, ""),
        Quota("compute.instanceMemory.size", nodes.count * nodes.memory, "GB"),
        Quota("managed-kubernetes.cores.count", nodes.count * nodes.cores, ""),
        Quota("managed-kubernetes.memory.size", nodes.count * nodes.memory, "GB"),
        Quota("compute.ssdDisks.size", _disk(nodes), "GB"),
        Quota("storage.volume.size", round(needed.objects_gb), "GB"),
    )


def _disk(host: Host) -> int:
    return host.count * host.disk
