"""Zones and their record sets. A set has no id: zone, name and type are its key. Every change tells the backing all records."""

from __future__ import annotations

from typing import Any

from kit.yandex import contract
from kit.yandex.engine import bindings, descriptors, pages, refusal
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.operations import Work
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import Resource, Scene, drop
from kit.yandex.engine.world import Call, World

ZONE, RECORDS = "dns.v1.DnsZone", "dns.v1.RecordSet"
SERVICE = "dns.v1.DnsZoneService"
ANSWERED = "records of private zones answer in the cluster"
DEFAULT_TTL_S = 3600


def register(registry: Registry) -> None:
    ZONES.register(registry)
    bindings.register(registry, ZONES)
    registry.add(SERVICE, "GetRecordSet", get)
    registry.add(SERVICE, "ListRecordSets", list_sets)
    registry.add(SERVICE, "UpdateRecordSets", change_sets, backed=ANSWERED)
    registry.add(SERVICE, "UpsertRecordSets", change_sets, backed=ANSWERED)
    registry.add(SERVICE, "UpdatePrivateNetworks", ZONES.act(_networks))


def _zone(scene: Scene) -> None:
    """The zone must be absolute; the cloud adds SOA and NS."""
    zone = scene.message
    for record in scene.world.journal.all(ZONE):
        if (
            record.message.zone == zone.zone
            and zone.HasField("public_visibility")
            and record.message.HasField("public_visibility")
        ):
            raise refusal.already_exists("Public zone", zone.zone)
    _put(scene.change, zone.id, zone.zone, _set(zone.zone, "NS", DEFAULT_TTL_S, ["ns1.yandexcloud.net.", "ns2.yandexcloud.net."]))
    soa = "ns1.yandexcloud.net. mx.cloud.yandex.net. 1 10800 900 604800 900"
    _put(scene.change, zone.id, zone.zone, _set(zone.zone, "SOA", DEFAULT_TTL_S, [soa]))


def _zone_gone(scene: Scene) -> None:
    owner = scene.world.find(ZONE, scene.message.id, "DNS zone")
    drop(scene.world, scene.change, owner)
    scene.work.deeds.append(lambda: scene.world.backing.put_records(_all(scene.world, scene.change)))


def _networks(scene: Scene) -> None:
    networks = scene.message.private_visibility.network_ids
    kept = [network for network in networks if network not in scene.request.private_network_id_deletions]
    kept += [network for network in scene.request.private_network_id_additions if network not in kept]
    del networks[:]
    networks.extend(kept)


ZONES = Resource(SERVICE, ZONE, "DNS zone", "dns", build=_zone, remove=_zone_gone)


def get(world: World, call: Call) -> Any:
    zone = ZONES.find(world, call.request.dns_zone_id).message
    return world.find(RECORDS, _key(zone.id, absolute(call.request.name, zone.zone), call.request.type), "Record set").message


def list_sets(world: World, call: Call) -> Any:
    ZONES.find(world, call.request.dns_zone_id)
    found = [record.message for record in world.journal.children(RECORDS, call.request.dns_zone_id)]
    return pages.page(found, call.request, call.method.answer(), "record_sets")


def change_sets(world: World, call: Call) -> Any:
    """UpdateRecordSets: what is deleted must be there as said, what is added must not. UpsertRecordSets: replaces and merges."""

    def prepare(change: Change) -> Work:
        zone = ZONES.find(world, call.request.dns_zone_id)
        difference = descriptors.message("dns.v1.RecordSetDiff")()
        for index, found in enumerate(call.request.deletions):
            _delete(world, change, zone.message, found, f"deletions[{index}]")
            difference.deletions.append(found)
        for name in ("additions", "replacements", "merges"):
            for index, found in enumerate(getattr(call.request, name, [])):
                difference.additions.append(_add(world, change, zone.message, found, name, index))
        work = Work("update", change, zone, names={"dns_zone_id": zone.key}, response=difference)
        work.deeds.append(lambda: world.backing.put_records(_all(world, change)))
        return work

    return world.operations.run(world, call, prepare)


def absolute(name: str, zone: str) -> str:
    """`srv` in `example.com.` is `srv.example.com.`; `@` is the zone itself."""
    if name in ("@", ""):
        return zone
    return name if name.endswith(".") else f"{name}.{zone}"


def _delete(world: World, change: Change, zone: Any, found: Any, path: str) -> None:
    name = absolute(found.name, zone.zone)
    record = world.journal.get(RECORDS, _key(zone.id, name, found.type))
    if record is None:
        raise refusal.not_found("Record set", f"{name} {found.type}")
    if found.ttl != record.message.ttl or sorted(found.data) != sorted(record.message.data):
        raise refusal.precondition(f"{path}: record set {name} {found.type} is not as given")
    change.delete(RECORDS, record.key)


def _add(world: World, change: Change, zone: Any, found: Any, how: str, index: int) -> Any:
    name = absolute(found.name, zone.zone)
    if not name.endswith(zone.zone):
        raise refusal.invalid(f"{how}[{index}].name", f"{name} is not in zone {zone.zone}")
    place = RECORDS, _key(zone.id, name, found.type)
    before = world.journal.get(*place) if place not in change.deletes else None
    if before is not None and how == "additions":
        raise refusal.already_exists("Record set", f"{name} {found.type}")
    fresh = _set(found.name, found.type, found.ttl or DEFAULT_TTL_S, found.data, found.description)
    if before is not None and how == "merges":
        fresh.data.extend(item for item in before.message.data if item not in fresh.data)
    _put(change, zone.id, zone.zone, fresh)
    return fresh


def _set(name: str, kind: str, ttl_s: int, data: Any, description: str = "") -> Any:
    return descriptors.message(RECORDS)(name=name, type=kind, ttl=ttl_s, data=list(data), description=description)


def _put(change: Change, zone_id: str, zone: str, found: Any) -> None:
    change.put(Record(_key(zone_id, absolute(found.name, zone), found.type), zone_id, found))


def _key(zone_id: str, name: str, kind: str) -> str:
    return f"{zone_id}/{name}/{kind}"


def _all(world: World, change: Change) -> tuple[contract.Record, ...]:
    """Every record of every zone, with this change on top of the journal."""
    records = {(record.kind, record.key): record for record in world.journal.all(RECORDS)}
    records |= {place: record for place, record in change.puts.items() if place[0] == RECORDS}
    kept = [record for place, record in records.items() if place not in change.deletes]
    zones = {record.key: record.message.zone for record in world.journal.all(ZONE)}
    return tuple(
        contract.Record(absolute(found.name, zones.get(record.parent, "")), found.type, found.ttl, tuple(found.data))
        for record in kept
        for found in [record.message]
        if found.type not in ("SOA", "NS")
    )
