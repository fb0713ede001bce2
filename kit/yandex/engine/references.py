"""References between resources: ids in requests must exist, and what others refer to cannot be deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kit.yandex import refusal
from kit.yandex.engine.state import EmulatorState

FOLDER, CLOUD = "resourcemanager.v1.Folder", "resourcemanager.v1.Cloud"
NETWORK, SUBNET, GROUP = "vpc.v1.Network", "vpc.v1.Subnet", "vpc.v1.SecurityGroup"
ROUTES, GATEWAY, ACCOUNT = "vpc.v1.RouteTable", "vpc.v1.Gateway", "iam.v1.ServiceAccount"
KEY = "kms.v1.SymmetricKey"
DATABASES = tuple(f"mdb.{engine}.v1.Cluster" for engine in ("kafka", "clickhouse", "postgresql", "redis"))
CLUSTERS = (*DATABASES, "k8s.v1.Cluster")

# Field → what its value is the id of. Wherever the field stands in a message.
FIELDS = {
    "folder_id": (FOLDER, "Folder"),
    "network_id": (NETWORK, "Network"),
    "network_ids": (NETWORK, "Network"),
    "subnet_id": (SUBNET, "Subnet"),
    "subnet_ids": (SUBNET, "Subnet"),
    "security_group_id": (GROUP, "Security group"),
    "security_group_ids": (GROUP, "Security group"),
    "route_table_id": (ROUTES, "Route table"),
    "gateway_id": (GATEWAY, "Gateway"),
    "kms_key_id": (KEY, "Symmetric key"),
    "service_account_id": (ACCOUNT, "Service account"),
    "node_service_account_id": (ACCOUNT, "Service account"),
}

# What → the kinds that keep it from being deleted while they name it.
HOLDERS = {
    FOLDER: (NETWORK, ACCOUNT, "lockbox.v1.Secret", "storage.v1.Bucket", "dns.v1.DnsZone", *CLUSTERS),
    NETWORK: (SUBNET, ROUTES, GROUP, *CLUSTERS),
    SUBNET: (
        "vpc.v1.Address",
        *(f"{kind.removesuffix('Cluster')}Host" for kind in DATABASES),
        "k8s.v1.Cluster",
        "k8s.v1.NodeGroup",
    ),
    ROUTES: (SUBNET,),
    GATEWAY: (ROUTES,),
    GROUP: (GROUP, *CLUSTERS, "k8s.v1.NodeGroup"),
}


def named(message: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Every reference in a message: the field's path, its name, the id."""
    for field, value in message.ListFields():
        name = f"{path}{field.name}"
        if field.name in FIELDS and field.message_type is None:
            for item in value if field.is_repeated else [value]:
                yield name, field.name, item
        elif field.message_type is not None and not field.message_type.full_name.startswith("google."):
            if field.message_type.GetOptions().map_entry:
                continue
            for item in value if field.is_repeated else [value]:
                yield from named(item, f"{name}.")


def check(state: EmulatorState, request: Any) -> None:
    """Raise NOT_FOUND for an id in the request that names nothing."""
    for path, name, found in named(request):
        kind, noun = FIELDS[name]
        if state.journal.get(kind, found) is None:
            raise refusal.not_found(noun, f"{found} ({path})")


def check_free(state: EmulatorState, kind: str, key: str, noun: str) -> None:
    """Raise FAILED_PRECONDITION where something that is not its own default refers to it."""
    for holder in HOLDERS.get(kind, ()):
        for record in state.journal.all(holder):
            if record.key == key or getattr(record.message, "default_for_network", False):
                continue
            if any(found == key for _, _, found in named(record.message)):
                what = holder.rpartition(".")[2]
                raise refusal.precondition(f"{noun} {key} is not empty or in use: {what} {record.key} belongs to it")
