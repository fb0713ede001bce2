"""What is needed beside what there is: the ratio of each resource, when a disk is full, and how much a shape carries. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from kit.blueprint.load import MOST, Load
from kit.capacity import need
from kit.capacity.constants import Constants
from kit.capacity.need import Need
from kit.capacity.shape import Shape

FAR = 36_500  # days: beyond that nothing is full


@dataclass(frozen=True, slots=True)
class Row:
    """One resource: `what`, of which store or part."""

    part: str
    what: str
    needed: float
    there: float
    unit: str

    @property
    def ratio(self) -> float:
        return self.needed / self.there if self.there else float("inf" if self.needed else 0)


@dataclass(frozen=True, slots=True)
class Filled:
    """A disk that is full before it may forget anything."""

    what: str
    days: float
    on: date
    kept_days: float


def rows(needed: Need, shape: Shape, known: Constants) -> tuple[Row, ...]:
    """In the order of the way of an event."""
    nodes = shape.nodes
    blocks = shape.kafka.disk // known.disk_step
    return (
        *(Row("kafka", f"partitions of {name}", least, shape.partitions_of(name), "") for name, least in needed.readers.items()),
        Row("kafka", "disk of a broker", needed.kafka_disk_gb, shape.kafka.disk, "GB"),
        Row("kafka", "writing to it", needed.kafka_mb_s, min(known.disk_mb_s.most, blocks * known.disk_mb_s.per_block), "MB/s"),
        Row("kafka", "cores of a broker", needed.kafka_cores, shape.kafka.cores, "vCPU"),
        Row("clickhouse", "disk", needed.clickhouse_disk_gb, shape.clickhouse.disk, "GB"),
        Row("clickhouse", "cores", needed.clickhouse_cores, shape.clickhouse.cores, "vCPU"),
        Row("postgres", "disk", needed.postgres_disk_gb, shape.postgres.disk, "GB"),
        Row("postgres", "cores", needed.postgres_cores, shape.postgres.cores, "vCPU"),
        Row("postgres", "connections", needed.postgres_connections, shape.max_connections, ""),
        Row("redis", "memory", needed.valkey_memory_gb, shape.redis.memory, "GB"),
        Row("nodes", "cores", needed.node_cores, nodes.count * nodes.cores, "vCPU"),
        Row("nodes", "memory", needed.node_memory_gb, nodes.count * nodes.memory, "GB"),
    )


def first(compared: tuple[Row, ...]) -> Row:
    """What carries the limit: the resource that is used up first."""
    return max(compared, key=lambda row: row.ratio)


def fits(needed: Need, shape: Shape, known: Constants) -> bool:
    return all(row.ratio <= 1 for row in rows(needed, shape, known))


def carried(load: Load, retention_days: int, shape: Shape, known: Constants) -> Load:
    """The most of a load of that mix that the shape carries; of no events at all where even its idle needs do not fit."""
    mix = load if load.events or load.transactions else replace(load, events=1)

    def times(factor: float) -> Load:
        return replace(mix, events=mix.events * factor, transactions=mix.transactions * factor)

    def holds(factor: float) -> bool:
        return fits(need.of(times(factor), retention_days, known), shape, known)

    low, high = 0.0, MOST / max(mix.events, mix.transactions)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
        if high - low <= low / 1000:
            break
    return times(low)


def filled(needed: Need, shape: Shape, known: Constants, today: date, quota_gb: float | None = None) -> tuple[Filled, ...]:
    """What is full before what it holds is old enough to go: disks, as large as they become by themselves, and Object Storage."""
    late, largest = known["clickhouse_late_days"], known.largest_disks
    kafka, kafka_gb = _grown("the disk of each Kafka broker", shape.kafka.disk, shape.growth, largest["kafka"])
    clickhouse, clickhouse_gb = _grown(
        "the disk of ClickHouse", shape.clickhouse.disk, shape.growth, known.largest_disks["clickhouse"]
    )
    stores = (
        (kafka, kafka_gb, needed.kafka_gb_a_day, known["kafka_retention_days"]),
        (clickhouse, clickhouse_gb, needed.clickhouse_gb_a_day, needed.retention_days + late),
        ("the quota of Object Storage", quota_gb, needed.objects_gb_a_day, needed.retention_days),
    )
    found = []
    for what, there, a_day, kept_days in stores:
        days = there / a_day if there is not None and a_day else FAR
        if days < kept_days:
            found.append(Filled(what, days, today + timedelta(days=int(days)), kept_days))
    return tuple(found)


def _grown(what: str, disk: int, growth: float, most: int) -> tuple[str, float]:
    """A disk as large as it may become, no larger than a host can have, and what it is called then."""
    gb = max(disk, min(disk * growth, most))
    return (f"{what}, grown to {gb:g} GB," if gb > disk else what), gb
