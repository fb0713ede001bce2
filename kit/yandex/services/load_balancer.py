"""Network load balancers, which the cluster's cloud controller makes for Services, and the way from a name to a node's port.

In the cloud the controller runs beside the master; here it is `reconcile`. It gives a Service what it asks for or says why not:
a Service that it refuses stays pending. `way` is what packets meet: the public DNS, the balancer, the nodes' security groups.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kit.yandex import refusal
from kit.yandex.contract import BalancedService
from kit.yandex.engine import descriptors
from kit.yandex.engine.journal import Record
from kit.yandex.engine.references import GROUP
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import Resource, operation
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.services import dns, kubernetes, vpc

BALANCER = "loadbalancer.v1.NetworkLoadBalancer"
SERVICE = "loadbalancer.v1.NetworkLoadBalancerService"
BACKED = "made for Services of the Kind cluster"
QUOTA = "ylb.networkLoadBalancers.count"
ACTIVE, EXTERNAL, TCP, INGRESS = 3, 1, 1, 1
HEALTH_CHECKS = "loadbalancer_healthchecks"  # the predefined target of a security group's rule
_one_at_a_time = threading.Lock()  # two looks at once would tell a Service the older one's answer last


class NoWay(Exception):
    """Packets for a name do not arrive; why, in words."""


def register(registry: Registry) -> None:
    registry.add(SERVICE, "Get", _looking(BALANCERS.get), backed=BACKED)
    registry.add(SERVICE, "List", _looking(BALANCERS.list), backed=BACKED)
    registry.add(SERVICE, "ListOperations", BALANCERS.list_operations)
    registry.add(SERVICE, "Delete", operation(BALANCERS.plan_delete))
    registry.add("vpc.v1.AddressService", "Delete", _delete_address)


BALANCERS = Resource(SERVICE, BALANCER, "Network load balancer", "enp")


def _looking(handler: Any) -> Any:
    def answer(state: EmulatorState, call: Call) -> Any:
        reconcile(state)
        return handler(state, call)

    return answer


def _delete_address(state: EmulatorState, call: Call) -> Any:
    """An address in use is kept. Whether the cloud says no in these words is an assumption."""
    reconcile(state)
    record = vpc.ADDRESSES.find(state, call.request.address_id)
    if record.message.used:
        raise refusal.precondition(f"Address {record.key} is in use by a network load balancer")
    return operation(vpc.ADDRESSES.plan_delete)(state, call)


# -- the controller


def reconcile(state: EmulatorState) -> None:
    """Make the balancers those that the Services ask for. Where the cluster cannot be asked, all stays as it is."""
    with _one_at_a_time:
        clusters = state.journal.all(kubernetes.CLUSTER)
        services = state.backing.balanced_services() if clusters else ()
        if services is None:
            return
        wanted: dict[str, Record] = {}
        for service in services:
            made = _balancer(state, clusters[0].message, service, {each.message.listeners[0].address for each in wanted.values()})
            if not isinstance(made, str) and len(wanted) >= state.limits()[QUOTA]:
                made = f"Quota limit {QUOTA} exceeded"
            if isinstance(made, str):
                state.backing.settle_service(service, None, made)
            else:
                wanted[made.key] = made
                state.backing.settle_service(service, made.message.listeners[0].address, "")
        _write(state, wanted)


def _balancer(state: EmulatorState, cluster: Any, service: BalancedService, taken: set[str]) -> Record | str:
    """The balancer of one Service, or why there is none."""
    if service.annotations.get("yandex.cloud/load-balancer-type", "external") != "external":
        return "this emulator makes load balancers with a public address only"
    if not service.address:
        return "spec.loadBalancerIP names no address, and this emulator hands out reserved ones only"
    reserved = {each.message.external_ipv4_address.address: each for each in state.journal.all(vpc.ADDRESS)}
    found = reserved.get(service.address)
    if found is None or found.parent != cluster.folder_id:
        return f"{service.address} is not a reserved address of folder {cluster.folder_id}"
    if service.address in taken:
        return f"{service.address} has another load balancer"
    identity = "enpemu" + hashlib.sha256(service.uid.encode()).hexdigest()[:14]
    before = state.journal.get(BALANCER, identity)
    made = descriptors.message(BALANCER)(id=identity, folder_id=cluster.folder_id, region_id="ru-central1")
    made.created_at.CopyFrom(before.message.created_at if before else now())
    made.name, made.status, made.type = f"k8s-{identity[6:]}", ACTIVE, EXTERNAL
    made.description = f"Service {service.namespace}/{service.name} of cluster {cluster.id}"
    for port in service.ports:
        made.listeners.add(
            name=f"{port.port}-tcp",
            address=service.address,
            port=port.port,
            protocol=TCP,
            target_port=port.node_port,
            ip_version=1,
        )
    group = made.attached_target_groups.add(target_group_id=identity)
    check = group.health_checks.add(name="kube-health-check")
    if service.health_port:
        check.http_options.port, check.http_options.path = service.health_port, "/healthz"
    else:
        check.tcp_options.port = service.ports[0].node_port
    return Record(identity, cluster.folder_id, made)


def _write(state: EmulatorState, wanted: dict[str, Record]) -> None:
    """Balancers, and which addresses they use; nothing is written where nothing differs."""
    used = {each.message.listeners[0].address for each in wanted.values()}
    with state.journal.transaction() as change:
        for key, record in wanted.items():
            before = state.journal.get(BALANCER, key)
            if before is None or before.message != record.message:
                change.put(record)
        for record in state.journal.all(BALANCER):
            if record.key not in wanted:
                change.delete(BALANCER, record.key)
        for record in state.journal.all(vpc.ADDRESS):
            is_used = record.message.external_ipv4_address.address in used
            if record.message.used != is_used:
                fresh = record.copy()
                fresh.used = is_used
                change.put(record.with_message(fresh))


# -- the way of a packet


@dataclass(frozen=True, slots=True)
class Way:
    """Where what is sent to a name arrives: a port of the cluster's nodes."""

    address: str
    node_port: int


def way(state: EmulatorState, name: str, port: int) -> Way:
    """Raises `NoWay`."""
    reconcile(state)
    addresses = dns.public(state, f"{name.rstrip('.')}.", "A")
    if not addresses:
        raise NoWay(f"no public zone of this cloud has an address for {name}")
    for record in state.journal.all(BALANCER):
        for listener in record.message.listeners:
            if listener.address in addresses and listener.port == port:
                return _let_in(state, record.message, listener)
    raise NoWay(f"no load balancer listens at {addresses[0]}:{port}")


def _let_in(state: EmulatorState, balancer: Any, listener: Any) -> Way:
    check = balancer.attached_target_groups[0].health_checks[0]
    health_port = check.http_options.port or check.tcp_options.port
    rules = list(_rules(state))
    if not any(_covers(rule, health_port) and rule.predefined_target == HEALTH_CHECKS for rule in rules):
        raise NoWay(f"no security group of the nodes lets the load balancer's health checks in at port {health_port}")
    if not any(_covers(rule, listener.target_port) and rule.cidr_blocks.v4_cidr_blocks for rule in rules):
        raise NoWay(f"no security group of the nodes lets callers in at port {listener.target_port}")
    return Way(listener.address, listener.target_port)


def _rules(state: EmulatorState) -> Iterator[Any]:
    """What the groups of all nodes let in."""
    for group in state.journal.all(kubernetes.GROUP):
        for interface in group.message.node_template.network_interface_specs:
            for identity in interface.security_group_ids:
                found = state.journal.get(GROUP, identity)
                yield from (rule for rule in found.message.rules if rule.direction == INGRESS) if found else ()


def _covers(rule: Any, port: int) -> bool:
    is_tcp = rule.protocol_name.upper() in ("ANY", "TCP") or rule.protocol_number == 6
    return is_tcp and (not rule.HasField("ports") or rule.ports.from_port <= port <= rule.ports.to_port)
