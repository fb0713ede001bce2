"""Networks, subnets, addresses, gateways, route tables and security groups."""

from __future__ import annotations

import ipaddress
from typing import Any

from kit.yandex import refusal
from kit.yandex.engine import descriptors, ids, pagination
from kit.yandex.engine.fields import copy_fields
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.plan import OperationPlan
from kit.yandex.engine.references import GATEWAY, GROUP, NETWORK, ROUTES, SUBNET
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, operation
from kit.yandex.engine.state import Call, EmulatorState, now

ADDRESS = "vpc.v1.Address"
# TEST-NET-3: what the emulator calls external addresses can never be somebody's.
EXTERNAL = ipaddress.ip_network("203.0.113.0/24")
SUBNET_PREFIXES = {"a": "e9b", "b": "e2l", "c": "b0c", "d": "fl8"}


def register(registry: Registry) -> None:
    for resource in (NETWORKS, SUBNETS, ADDRESSES, GATEWAYS, ROUTE_TABLES, GROUPS):
        resource.register(registry)
    registry.add("vpc.v1.NetworkService", "ListSubnets", _of_network(SUBNET))
    registry.add("vpc.v1.NetworkService", "ListRouteTables", _of_network(ROUTES))
    registry.add("vpc.v1.NetworkService", "ListSecurityGroups", _of_network(GROUP))
    registry.add("vpc.v1.SubnetService", "AddCidrBlocks", SUBNETS.action(_add_blocks))
    registry.add("vpc.v1.SubnetService", "RemoveCidrBlocks", SUBNETS.action(_remove_blocks))
    registry.add("vpc.v1.AddressService", "GetByValue", _address_by_value)
    registry.add("vpc.v1.SecurityGroupService", "UpdateRules", GROUPS.action(_update_rules))
    registry.add("vpc.v1.SecurityGroupService", "UpdateRule", _update_rule)


def _build_network(context: MutationContext) -> None:
    """Add the security group that lets everything through inside itself."""
    group = descriptors.message(GROUP)(
        id=ids.new("enp"), folder_id=context.message.folder_id, created_at=now(), network_id=context.message.id, status=2
    )
    group.name = f"default-sg-{context.message.id}"
    group.default_for_network = True
    context.change.put(Record(group.id, group.folder_id, group))
    context.message.default_security_group_id = group.id


def _remove_network(context: MutationContext) -> None:
    context.change.delete(GROUP, context.message.default_security_group_id)


def _build_subnet(context: MutationContext) -> None:
    subnet = context.message
    subnet.id = ids.new(SUBNET_PREFIXES.get(subnet.zone_id.rpartition("-")[2], "e9b"))
    _check_blocks(context, subnet.v4_cidr_blocks)


def _add_blocks(context: MutationContext) -> None:
    _check_blocks(context, context.request.v4_cidr_blocks)
    context.message.v4_cidr_blocks.extend(context.request.v4_cidr_blocks)


def _remove_blocks(context: MutationContext) -> None:
    for block in context.request.v4_cidr_blocks:
        if block not in context.message.v4_cidr_blocks:
            raise refusal.precondition(f"Subnet {context.message.id} has no block {block}")
        context.message.v4_cidr_blocks.remove(block)


def _check_blocks(context: MutationContext, blocks: Any) -> None:
    for index, block in enumerate(blocks):
        try:
            wanted = ipaddress.ip_network(block)
        except ValueError as error:
            raise refusal.invalid(f"v4_cidr_blocks[{index}]", str(error)) from None
        for record in context.journal.all(SUBNET):
            if record.message.network_id != context.message.network_id or record.key == context.message.id:
                continue
            for taken in record.message.v4_cidr_blocks:
                if wanted.overlaps(ipaddress.ip_network(taken)):
                    raise refusal.precondition(f"CIDR {block} overlaps with {taken} of subnet {record.key}")


def _build_address(context: MutationContext) -> None:
    spec, address = context.request, context.message
    address.reserved, address.type, address.ip_version = True, 2, 1  # EXTERNAL, IPV4
    if spec.WhichOneof("address_spec") == "internal_ipv4_address_spec":
        address.type = 1
        raise refusal.invalid("internal_ipv4_address_spec", "this emulator hands out external addresses only")
    taken = {record.message.external_ipv4_address.address for record in context.journal.all(ADDRESS)}
    wanted = spec.external_ipv4_address_spec.address
    if wanted in taken:
        raise refusal.already_exists("Address", wanted)
    free = (str(host) for host in EXTERNAL.hosts() if str(host) not in taken)
    address.external_ipv4_address.address = wanted or next(free)


def _address_by_value(state: EmulatorState, call: Call) -> Any:
    for record in state.journal.all(ADDRESS):
        if record.message.external_ipv4_address.address == call.request.external_ipv4_address:
            return record.message
    raise refusal.not_found("Address", call.request.external_ipv4_address)


def _complete_gateway(context: MutationContext) -> None:
    context.message.shared_egress_gateway.SetInParent()  # the only kind there is; without it the provider replaces the gateway


def _complete_routes(context: MutationContext) -> None:
    for index, route in enumerate(context.message.static_routes):
        if not route.WhichOneof("next_hop"):
            raise refusal.invalid(f"static_routes[{index}].next_hop", "one of next_hop_address and gateway_id must be given")


def _build_group(context: MutationContext) -> None:
    context.message.status = 2  # ACTIVE
    context.message.ClearField("rules")
    for spec in context.request.rule_specs:
        context.message.rules.append(_rule(spec))


def _change_group(context: MutationContext) -> None:
    """Replace the list of rules; a rule that is as before keeps its id."""
    if not context.touches("rule_specs"):
        return
    before = list(context.state.find(GROUP, context.message.id, "Security group").message.rules)
    context.message.ClearField("rules")
    for spec in context.request.rule_specs:
        fresh = _rule(spec)
        same = next((rule for rule in before if _equal(rule, fresh)), None)
        if same is not None:
            before.remove(same)
        context.message.rules.append(same or fresh)


def _update_rules(context: MutationContext) -> None:
    known = {rule.id: rule for rule in context.message.rules}
    for index, rule_id in enumerate(context.request.deletion_rule_ids):
        if rule_id not in known:
            raise refusal.invalid(f"deletion_rule_ids[{index}]", f"group {context.message.id} has no rule {rule_id}")
        del known[rule_id]
    added = [_rule(spec) for spec in context.request.addition_rule_specs]
    context.message.ClearField("rules")
    context.message.rules.extend([*known.values(), *added])
    context.plan.lists["added_rule_ids"] = [rule.id for rule in added]


@operation
def _update_rule(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
    record = GROUPS.find(state, call.request.security_group_id)
    fresh = record.copy()
    rule = next((rule for rule in fresh.rules if rule.id == call.request.rule_id), None)
    if rule is None:
        raise refusal.not_found("Rule", call.request.rule_id)
    for path in call.request.update_mask.paths or ("description", "labels"):
        if path == "description":
            rule.description = call.request.description
        elif path == "labels":
            rule.labels.clear()
            rule.labels.update(call.request.labels)
        else:
            raise refusal.invalid("update_mask", f"there is no field {path}")
    replaced = record.with_message(fresh)
    change.put(replaced)
    return OperationPlan("update", change, replaced, names={"security_group_id": record.key, "rule_id": rule.id}, response=rule)


def _rule(spec: Any) -> Any:
    rule = descriptors.message("vpc.v1.SecurityGroupRule")()
    copy_fields(spec, rule)
    rule.id = ids.new("enp")
    if not rule.protocol_name and not rule.protocol_number:
        rule.protocol_name = "ANY"
    return rule


def _equal(one: Any, other: Any) -> bool:
    left, right = type(one)(), type(other)()
    left.CopyFrom(one)
    right.CopyFrom(other)
    left.id = right.id = ""
    return bool(left == right)


def _of_network(kind: str) -> Any:
    def handler(state: EmulatorState, call: Call) -> Any:
        network = call.request.network_id
        NETWORKS.find(state, network)
        found = [record.message for record in state.journal.all(kind) if record.message.network_id == network]
        return pagination.page(found, call.request, call.method.answer())

    return handler


NETWORKS = Resource("vpc.v1.NetworkService", NETWORK, "Network", "enp", build=_build_network, remove=_remove_network)
SUBNETS = Resource("vpc.v1.SubnetService", SUBNET, "Subnet", "e9b", build=_build_subnet)
ADDRESSES = Resource("vpc.v1.AddressService", ADDRESS, "Address", "e9b", build=_build_address)
GATEWAYS = Resource("vpc.v1.GatewayService", GATEWAY, "Gateway", "enp", build=_complete_gateway, change=_complete_gateway)
ROUTE_TABLES = Resource("vpc.v1.RouteTableService", ROUTES, "Route table", "enp", build=_complete_routes, change=_complete_routes)
GROUPS = Resource("vpc.v1.SecurityGroupService", GROUP, "Security group", "enp", build=_build_group, change=_change_group)
