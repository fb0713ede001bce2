"""Quotas: how many resources of a kind a cloud may have. Names as in the quota manager, limits of a new cloud or by `--quota`.

Counted are resources, not cores and bytes: what a `create` adds is known here as one more of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import grpc

from kit.errors import KitError
from kit.yandex.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit on the number of some kinds of resource."""

    id: str
    service: str
    kinds: tuple[str, ...]
    limit: float


DATABASES = tuple(f"mdb.{engine}.v1.Cluster" for engine in ("kafka", "clickhouse", "postgresql", "redis"))
QUOTAS = (
    Quota("mdb.clusters.count", "managed-databases", DATABASES, 16),
    Quota("managed-kubernetes.clusters.count", "managed-kubernetes", ("k8s.v1.Cluster",), 8),
    Quota("managed-kubernetes.nodeGroups.count", "managed-kubernetes", ("k8s.v1.NodeGroup",), 32),
    Quota("vpc.networks.count", "vpc", ("vpc.v1.Network",), 20),
    Quota("vpc.subnets.count", "vpc", ("vpc.v1.Subnet",), 120),
    Quota("vpc.routeTables.count", "vpc", ("vpc.v1.RouteTable",), 80),
    Quota("vpc.gateways.count", "vpc", ("vpc.v1.Gateway",), 10),
    Quota("vpc.securityGroups.count", "vpc", ("vpc.v1.SecurityGroup",), 100),
    Quota("vpc.externalAddresses.count", "vpc", ("vpc.v1.Address",), 80),
    Quota("iam.serviceAccounts.count", "iam", ("iam.v1.ServiceAccount",), 100),
    Quota("dns.zones.count", "dns", ("dns.v1.DnsZone",), 100),
    Quota("lockbox.secrets.count", "lockbox", ("lockbox.v1.Secret",), 100),
    Quota("storage.buckets.count", "storage", ("storage.v1.Bucket",), 25),
    Quota("resource-manager.folders.count", "resource-manager", ("resourcemanager.v1.Folder",), 100),
)


class QuotaUnknown(KitError):
    """`--quota` names something that is no quota of this emulator."""

    code = "KIT-YANDEX-QUOTA"
    exit_code = 10
    what = "--quota {text} is not understood"
    why = "it must be NAME=NUMBER, with one of these names: {known}"
    fix = "kit yandex emulate --quota mdb.clusters.count=4"


def parse(texts: tuple[str, ...]) -> dict[str, float]:
    """The limits of `--quota NAME=NUMBER`."""
    known, found = [quota.id for quota in QUOTAS], {}
    for text in texts:
        name, separator, number = text.partition("=")
        if not separator or name not in known or not number.replace(".", "", 1).isdigit():
            raise QuotaUnknown(text=text, known=known)
        found[name] = float(number)
    return found


def usage(quota: Quota, count: Callable[[str], int]) -> int:
    """How many there are; `count`: of a kind."""
    return sum(count(kind) for kind in quota.kinds)


def check(kind: str, count: Callable[[str], int], limits: Mapping[str, float]) -> None:
    """Raise RESOURCE_EXHAUSTED if one more of this kind is too many. `limits`: those of `--quota`."""
    for quota in QUOTAS:
        limit, used = limits.get(quota.id, quota.limit), usage(quota, count)
        if kind in quota.kinds and used + 1 > limit:
            message = f"Quota limit {quota.id} exceeded: {limit:g} allowed, {used} used"
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
