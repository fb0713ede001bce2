"""DNS zones and record sets. The key of a set is zone, name and type; every change gives the backing all records."""

from __future__ import annotations

from typing import Any

from kit.yandex import contract, refusal
from kit.yandex.engine import bindings, descriptors
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.plan import OperationPlan
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, operation
from kit.yandex.engine.state import Call, EmulatorState

ZONE, RECORDS = "dns.v1.DnsZone", "dns.v1.RecordSet"
SERVICE = "dns.v1.DnsZoneService"
ANSWERED = "records of private zones answer in the cluster"
DEFAULT_TTL_S = 3600


def register(registry: Registry) -> None:
    ZONES.register(registry)
    bindings.register(registry, ZONES)
    registry.add(SERVICE, "GetRecordSet", get_set)
    registry.add(SERVICE, "ListRecordSets", ZONES.lister(RECORDS))
    registry.add(SERVICE, "UpdateRecordSets", change_sets, backed=ANSWERED)
    registry.add(SERVICE, "UpsertRecordSets", change_sets, backed=ANSWERED)
    registry.add(SERVICE, "UpdatePrivateNetworks", ZONES.action(_change_networks))


def _build_zone(context: MutationContext) -> None:
    """Refuse a second public zone of the name; add SOA and NS as the cloud does."""
    zone = context.message
    for record in context.journal.all(ZONE):
        if (
            record.message.zone == zone.zone
            and zone.HasField("public_visibility")
            and record.message.HasField("public_visibility")
        ):
            raise refusal.already_exists("Public zone", zone.zone)
    _put(
        context.change, zone.id, zone.zone, _set(zone.zone, "NS", DEFAULT_TTL_S, ["ns1.yandexcloud.net.", "ns2.yandexcloud.net."])
    )
    soa = "ns1.yandexcloud.net. mx.cloud.yandex.net. 1 10800 900 604800 900"
    _put(context.change, zone.id, zone.zone, _set(zone.zone, "SOA", DEFAULT_TTL_S, [soa]))


def _remove_zone(context: MutationContext) -> None:
    context.then(lambda: context.backing.put_records(_all_records(context.state, context.change)))


def _change_networks(context: MutationContext) -> None:
    networks = context.message.private_visibility.network_ids
    kept = [network for network in networks if network not in context.request.private_network_id_deletions]
    kept += [network for network in context.request.private_network_id_additions if network not in kept]
    del networks[:]
    networks.extend(kept)


ZONES = Resource(SERVICE, ZONE, "DNS zone", "dns", build=_build_zone, remove=_remove_zone)


def get_set(state: EmulatorState, call: Call) -> Any:
    zone = ZONES.find(state, call.request.dns_zone_id).message
    return state.find(RECORDS, _key(zone.id, absolute(call.request.name, zone.zone), call.request.type), "Record set").message


@operation
def change_sets(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
    """UpdateRecordSets: what is deleted must be there as given, what is added must not. UpsertRecordSets: replaces and merges."""
    zone = ZONES.find(state, call.request.dns_zone_id)
    difference = descriptors.message("dns.v1.RecordSetDiff")()
    for index, found in enumerate(call.request.deletions):
        _delete(state, change, zone.message, found, f"deletions[{index}]")
        difference.deletions.append(found)
    for name in ("additions", "replacements", "merges"):
        for index, found in enumerate(getattr(call.request, name, [])):
            difference.additions.append(_add(state, change, zone.message, found, name, index))
    plan = OperationPlan("update", change, zone, names={"dns_zone_id": zone.key}, response=difference)
    plan.side_effects.append(lambda: state.backing.put_records(_all_records(state, change)))
    return plan


def absolute(name: str, zone: str) -> str:
    """The absolute name: `srv` in `example.com.` is `srv.example.com.`; `@` is the zone itself."""
    if name in ("@", ""):
        return zone
    return name if name.endswith(".") else f"{name}.{zone}"


def _delete(state: EmulatorState, change: Change, zone: Any, found: Any, path: str) -> None:
    name = absolute(found.name, zone.zone)
    record = state.journal.get(RECORDS, _key(zone.id, name, found.type))
    if record is None:
        raise refusal.not_found("Record set", f"{name} {found.type}")
    if found.ttl != record.message.ttl or sorted(found.data) != sorted(record.message.data):
        raise refusal.precondition(f"{path}: record set {name} {found.type} is not as given")
    change.delete(RECORDS, record.key)


def _add(state: EmulatorState, change: Change, zone: Any, found: Any, how: str, index: int) -> Any:
    name = absolute(found.name, zone.zone)
    if not name.endswith(zone.zone):
        raise refusal.invalid(f"{how}[{index}].name", f"{name} is not in zone {zone.zone}")
    place = RECORDS, _key(zone.id, name, found.type)
    before = state.journal.get(*place) if place not in change.deletes else None
    if before is not None and how == "additions":
        raise refusal.already_exists("Record set", f"{name} {found.type}")
    fresh = _set(found.name, found.type, found.ttl or DEFAULT_TTL_S, found.data, found.description)
    if before is not None and how == "merges":
        fresh.data.extend(item for item in before.message.data if item not in fresh.data)
    _put(change, zone.id, zone.zone, fresh)
    return fresh


def public(state: EmulatorState, name: str, kind: str) -> tuple[str, ...]:
    """What the Internet is answered: by the public zone nearest to the name, which alone has a say."""
    zones = [each.message for each in state.journal.all(ZONE) if each.message.HasField("public_visibility")]
    near = [zone for zone in zones if f".{name}".endswith(f".{zone.zone}")]
    if not near:
        return ()
    zone = max(near, key=lambda each: len(each.zone))
    record = state.journal.get(RECORDS, _key(zone.id, name, kind))
    return tuple(record.message.data) if record else ()


def _set(name: str, kind: str, ttl_s: int, data: Any, description: str = "") -> Any:
    return descriptors.message(RECORDS)(name=name, type=kind, ttl=ttl_s, data=list(data), description=description)


def _put(change: Change, zone_id: str, zone: str, found: Any) -> None:
    change.put(Record(_key(zone_id, absolute(found.name, zone), found.type), zone_id, found))


def _key(zone_id: str, name: str, kind: str) -> str:
    return f"{zone_id}/{name}/{kind}"


def _all_records(state: EmulatorState, change: Change) -> tuple[contract.Record, ...]:
    """Every record of every zone, with this change on top of the journal."""
    records = {(record.kind, record.key): record for record in state.journal.all(RECORDS)}
    records |= {place: record for place, record in change.puts.items() if place[0] == RECORDS}
    kept = [record for place, record in records.items() if place not in change.deletes]
    zones = {record.key: record.message.zone for record in state.journal.all(ZONE)}
    return tuple(
        contract.Record(absolute(found.name, zones.get(record.parent, "")), found.type, found.ttl, tuple(found.data))
        for record in kept
        for found in [record.message]
        if found.type not in ("SOA", "NS")
    )
