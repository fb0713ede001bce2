"""Quotas: how much of a kind a cloud may have, in pieces, cores and bytes. Names and limits of a new cloud are in quotas.yaml.

Held against a change as a whole, whatever call makes it: what would be there afterwards must fit, unless it becomes less.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from kit.errors import KitError
from kit.yandex.refusal import Refusal
from kit.yandex.rules import catalog, data, nodes
from kit.yandex.rules.data import GB

DATABASES = tuple(f"mdb.{engine}.v1" for engine in ("kafka", "clickhouse", "postgresql", "redis"))
CLUSTERS, HOSTS = tuple(f"{name}.Cluster" for name in DATABASES), tuple(f"{name}.Host" for name in DATABASES)
GROUPS = ("k8s.v1.NodeGroup",)
HDD, NONREPLICATED, IO_M3 = "network-hdd", "network-ssd-nonreplicated", "network-ssd-io-m3"
Amount = Callable[[Any], float]


class Change(Protocol):
    """`engine.journal.Change`, as it is looked at here."""

    @property
    def puts(self) -> Mapping[tuple[str, str], Any]: ...

    @property
    def deletes(self) -> Mapping[tuple[str, str], Any]: ...


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit on what some kinds of resource amount to. No kinds: it is shown, and never refuses."""

    id: str
    service: str
    limit: float
    kinds: tuple[str, ...]
    amount: Amount

    def usage(self, messages: Iterable[Any]) -> float:
        """What these resources amount to."""
        return sum(self.amount(message) for message in messages)


def _one(_: Any) -> float:
    return 1


def _host_cores(host: Any) -> float:
    preset = catalog.preset(host.resources.resource_preset_id)
    return preset.cores if preset else 0


def _host_memory(host: Any) -> float:
    preset = catalog.preset(host.resources.resource_preset_id)
    return preset.memory_bytes if preset else 0


def _of_nodes(amount: Amount) -> Amount:
    """Of one node's template, times the nodes."""
    return lambda group: nodes.count(group) * amount(group.node_template)


def _node_disk(*types: str) -> Amount:
    def size(template: Any) -> float:
        disk = template.boot_disk_spec
        return float(disk.disk_size) if not types or disk.disk_type_id in types else 0

    return _of_nodes(size)


MEASURES: Mapping[str, tuple[tuple[str, ...], Amount]] = {
    "database clusters": (CLUSTERS, _one),
    "database cores": (HOSTS, _host_cores),
    "database memory": (HOSTS, _host_memory),
    "database ssd": (HOSTS, lambda host: 0 if host.resources.disk_type_id == HDD else host.resources.disk_size),
    "database hdd": (HOSTS, lambda host: host.resources.disk_size if host.resources.disk_type_id == HDD else 0),
    "kubernetes clusters": (("k8s.v1.Cluster",), _one),
    "node groups": (GROUPS, _one),
    "nodes": (GROUPS, nodes.count),
    "node cores": (GROUPS, _of_nodes(lambda template: template.resources_spec.cores)),
    "node memory": (GROUPS, _of_nodes(lambda template: template.resources_spec.memory)),
    "node disks": (GROUPS, _node_disk()),
    "node ssd": (GROUPS, _node_disk("network-ssd", "network-nvme")),
    "node hdd": (GROUPS, _node_disk(HDD)),
    "node nonreplicated ssd": (GROUPS, _node_disk(NONREPLICATED)),
    "node io-m3 ssd": (GROUPS, _node_disk(IO_M3)),
    "networks": (("vpc.v1.Network",), _one),
    "subnets": (("vpc.v1.Subnet",), _one),
    "route tables": (("vpc.v1.RouteTable",), _one),
    "security groups": (("vpc.v1.SecurityGroup",), _one),
    "gateways": (("vpc.v1.Gateway",), _one),
    "addresses": (("vpc.v1.Address",), _one),
    "public addresses": (("vpc.v1.Address",), _one),
    "load balancers": (("loadbalancer.v1.NetworkLoadBalancer",), _one),
    "certificates": (("certificatemanager.v1.Certificate",), _one),
    "service accounts": (("iam.v1.ServiceAccount",), _one),
    "buckets": (("storage.v1.Bucket",), _one),
    "zones": (("dns.v1.DnsZone",), _one),
    "secrets": (("lockbox.v1.Secret",), _one),
    "folders": (("resourcemanager.v1.Folder",), _one),
}


@functools.cache
def known() -> Mapping[str, Quota]:
    """All quotas by name, with the limits of a new cloud."""
    found = {}
    for service, rows in data.read("quotas.yaml").items():
        for row in rows if service != "sources" else ():
            kinds, amount = MEASURES[row["counts"]] if "counts" in row else ((), _one)
            unit = GB if row["id"].endswith(".size") else 1
            found[row["id"]] = Quota(row["id"], service, float(row["limit"] * unit), kinds, amount)
    return found


class QuotaUnknown(KitError):
    """`--quota` names something that is no quota of this emulator."""

    code = "KIT-YANDEX-QUOTA"
    exit_code = 10
    what = "--quota {text} is not understood"
    why = "it must be NAME=NUMBER, with one of these names: {known}"
    fix = "kit yandex emulate --quota mdb.clusters.count=4"


def parse(texts: tuple[str, ...]) -> dict[str, float]:
    """The limits of `--quota NAME=NUMBER`; sizes in bytes, as the quota manager has them."""
    found = {}
    for text in texts:
        name, separator, number = text.partition("=")
        if not separator or name not in known() or not number.replace(".", "", 1).isdigit():
            raise QuotaUnknown(text=text, known=list(known()))
        found[name] = float(number)
    return found


def check(change: Change, records: Callable[[str], Iterable[Any]], limits: Mapping[str, float]) -> None:
    """Raise RESOURCE_EXHAUSTED where a change would go over a limit. `records`: of a kind, as they are before it."""
    touched = {kind for kind, _ in (*change.puts, *change.deletes)}
    for quota in known().values():
        if not touched & set(quota.kinds):
            continue
        before = {(kind, record.key): record for kind in quota.kinds for record in records(kind)}
        after = {place: record for place, record in before.items() if place not in change.deletes}
        after |= {place: record for place, record in change.puts.items() if place[0] in quota.kinds}
        used, wanted = (quota.usage(record.message for record in found.values()) for found in (before, after))
        if wanted > used and wanted > limits[quota.id]:
            message = f"Quota limit {quota.id} exceeded: {limits[quota.id]:.0f} allowed, {used:.0f} used, {wanted:.0f} needed"
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
