"""What the four database services have in common: their names in the API, and a cluster as the backing gets it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kit.endpoints import Secret
from kit.yandex import contract
from kit.yandex.contract import Engine
from kit.yandex.engine.journal import Record
from kit.yandex.engine.resource import MutationContext
from kit.yandex.engine.state import EmulatorState
from kit.yandex.rules import catalog
from kit.yandex.rules import hosts as rules
from kit.yandex.rules.hosts import HostGroup

RUNNING, STOPPED = 2, 6
BACKED = "a container of its own"


@dataclass(frozen=True)
class Product:
    """One database service: its names in the API, and what its clusters do in their own way."""

    engine: Engine
    configure: Callable[[MutationContext], None]  # the configuration as the API shows it, after create and after update
    hosts: Callable[[MutationContext], list[Any]]  # the hosts of a new cluster
    settings: Callable[[Any], Mapping[str, str | int | float | bool]]  # what the user set, for the backing
    resources: Callable[[Any], Any]  # of one host, in the cluster's configuration
    groups: Callable[[Any, list[Any]], list[HostGroup]]  # message and hosts → hosts that are alike, for the rules
    check: Callable[[Any, list[Any]], None]  # message and hosts: refuses a number or place of hosts that cannot be

    @property
    def package(self) -> str:
        """Of all its messages and services."""
        return f"mdb.{self.engine.value}.v1"

    @property
    def service(self) -> str:
        """Of its clusters."""
        return f"{self.package}.ClusterService"

    @property
    def cluster(self) -> str:
        """The cluster's message."""
        return f"{self.package}.Cluster"

    @property
    def host(self) -> str:
        """A host's message."""
        return f"{self.package}.Host"


def cluster_of(
    state: EmulatorState, product: Product, message: Any, extra: Mapping[str, Any], hosts: Iterable[Any] = ()
) -> contract.Cluster:
    """The cluster as the backing sees it. `hosts`: those of a cluster that is not in the journal yet."""
    found = list(hosts) or [record.message for record in state.journal.children(product.host, message.id)]
    preset = catalog.preset(product.resources(message).resource_preset_id)
    password = str(extra.get("password", ""))
    return contract.Cluster(
        id=message.id,
        engine=product.engine,
        name=message.name,
        folder_id=message.folder_id,
        version=message.config.version,
        hosts=tuple(contract.Host(host.name, host.zone_id, role_of(host)) for host in found),
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


def put_cluster(product: Product, context: MutationContext, hosts: Iterable[Any] = ()) -> contract.Cluster:
    """Let the backing bring the cluster in line with its message, which the rules allow; `hosts`: its hosts afterwards, where
    they change."""
    found = list(hosts) or [record.message for record in context.journal.children(product.host, context.message.id)]
    _check_rules(product, context, found)
    wanted = cluster_of(context.state, product, context.message, context.extra, found)

    def put() -> None:
        context.backing.put_cluster(wanted)

    context.then(put)
    return wanted


def _check_rules(product: Product, context: MutationContext, hosts: list[Any]) -> None:
    """Hold the cluster against what the service offers, and show each host with the resources that it has now."""
    product.check(context.message, hosts)
    before = context.journal.get(product.cluster, context.message.id)
    known = {group.path: group.resources for group in product.groups(before.message, hosts)} if before else {}
    for group in product.groups(context.message, hosts):
        rules.check(product.engine.value, group, known.get(group.path))
        rules.check_scaling(product.engine.value, group, context.message.maintenance_window.WhichOneof("policy") != "anytime")
        for host in group.hosts:
            if before is not None and host.resources != group.resources:
                fresh = type(host)()
                fresh.CopyFrom(host)
                fresh.resources.CopyFrom(group.resources)
                context.change.put(Record(host.name, context.message.id, fresh))


def set_values(message: Any) -> dict[str, str | int | float | bool]:
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


def role_of(host: Any) -> str:
    """A host's role by name: MASTER, KAFKA, ZOOKEEPER."""
    name = "role" if "role" in host.DESCRIPTOR.fields_by_name else "type"
    return str(host.DESCRIPTOR.fields_by_name[name].enum_type.values_by_number[getattr(host, name)].name)
