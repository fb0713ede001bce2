"""The smallest size that carries a load: host classes, disks, partitions, nodes, as terraform/sizes.yaml writes them. Pure."""

from __future__ import annotations

import math
from typing import Any

from kit.capacity.constants import Constants, Node
from kit.capacity.need import Need
from kit.capacity.shape import PRESET
from kit.errors import KitError

ZONES = 3
ENGINES = {"postgres": "postgresql"}  # the cloud's names, where they are not kit's
CONNECTIONS_STEP, LEAST_CONNECTIONS = 100, 400
NODE_DISK_GB = 128


class NotCarried(KitError):
    """No size carries the load: one host, disk or cluster would have to be larger than there are any."""

    code = "KIT-CAPACITY-LIMIT"
    exit_code = 19
    what = "no size carries {events:g} events/s and {transactions:g} transactions/s for {days} days"
    why = "{part} would need {needed:g} {unit}, and the most that there is is {most:g}: {reason}"
    fix = "{fix}"


REASONS = {
    "clickhouse": (
        "all of it lies on one host, for Snuba of this line knows no TLS to the hosts of a cluster (docs/cloud.md)",
        "keep less (--retention {fitting}), sample transactions, or run ClickHouse yourself in {times} shards",
    ),
    "kafka": (
        "every broker holds everything, and there are three",
        "a shorter retention.ms of the topics, smaller events, or sampling before Relay; {times} times of it is needed",
    ),
    "postgres": ("one host takes all writes", "put a pooler of your own before it, or sample: {times} times of it is needed"),
    "redis": (
        "one host holds all keys",
        "shorten the backlog of tasks by more workers, or sample: {times} times of it is needed",
    ),
    "nodes": (
        "a cluster has no more nodes",
        "two installations, each with a part of the projects, or sampling; {times} times is needed",
    ),
}


def size(needed: Need, known: Constants) -> dict[str, Any]:
    """An entry of sizes.yaml. Raises `NotCarried`."""

    def refused(part: str, wanted: float, most: float, unit: str) -> NotCarried:
        reason, fix = REASONS[part]
        late = known["clickhouse_late_days"]
        fitting = max(1, math.floor((needed.retention_days + late) * most / wanted - late))
        return NotCarried(
            events=needed.load.events,
            transactions=needed.load.transactions,
            days=needed.retention_days,
            part=part,
            needed=math.ceil(wanted),
            most=most,
            unit=unit,
            reason=reason,
            fix=fix.format(times=math.ceil(wanted / most), fitting=fitting),
        )

    def preset(part: str, family: str, cores: float = 0, memory: float = 0) -> str:
        names = known.presets[family]
        for name in names:
            has_cores, has_memory = _numbers(name)
            if has_cores >= cores and has_memory >= memory:
                return name
        largest = _numbers(names[-1])
        raise refused(part, cores, largest[0], "vCPU") if cores > largest[0] else refused(part, memory, largest[1], "GB")

    def disk(part: str, gb: float) -> int:
        steps = max(1, math.ceil(gb / known.disk_step))
        most = known.largest_disks[ENGINES.get(part, part)]
        if steps * known.disk_step > most:
            raise refused(part, gb, most, "GB")
        return steps * known.disk_step

    if max(needed.partitions.values(), default=0) > known.partition_steps[-1]:
        raise refused("kafka", max(needed.partitions.values()), known.partition_steps[-1], "partitions")
    by_speed = math.ceil(needed.kafka_mb_s / known.disk_mb_s.per_block) * known.disk_step
    if needed.kafka_mb_s > known.disk_mb_s.most:
        raise refused("kafka", needed.kafka_mb_s, known.disk_mb_s.most, "MB/s")
    kafka = {
        "preset": preset("kafka", "s3", needed.kafka_cores),
        "disk_size": disk("kafka", max(needed.kafka_disk_gb, by_speed)),
        "partitions": known.other_partitions,
    }
    clickhouse = {
        "hosts": 1,
        "preset": preset("clickhouse", "s3", max(needed.clickhouse_cores, 4)),
        "disk_size": disk("clickhouse", needed.clickhouse_disk_gb),
        "keeper": "none",
        "keeper_preset": known.presets["s3"][0],
        "keeper_disk_size": 10,
    }
    connections = max(LEAST_CONNECTIONS, math.ceil(needed.postgres_connections / CONNECTIONS_STEP) * CONNECTIONS_STEP)
    postgres_cores = max(needed.postgres_cores, connections / known["postgres_connections_per_core"])
    postgres = {
        "hosts": ZONES,
        "preset": preset("postgres", "s3", postgres_cores),
        "disk_size": disk("postgres", max(needed.postgres_disk_gb, 64)),
        "max_connections": connections,
    }
    valkey = preset("redis", "hm3", memory=needed.valkey_memory_gb)
    redis = {
        "hosts": 2,
        "preset": valkey,
        "disk_size": disk("redis", _numbers(valkey)[1] * known["valkey_disk"]),
    }
    nodes = _nodes(needed, known)
    if ZONES * nodes["max"] > known.most_nodes:
        raise refused("nodes", ZONES * nodes["max"], known.most_nodes, "nodes")
    own = {name: count for name, count in needed.partitions.items() if count != known.other_partitions}
    return {
        "zones": ZONES,
        "kafka": kafka,
        **({"topic_partitions": own} if own else {}),
        "clickhouse": clickhouse,
        "postgres": postgres,
        "redis": redis,
        "nodes": {**nodes, "disk_size": NODE_DISK_GB, "platform": "standard-v3"},
        "sentry": "full" if needed.load.transactions else "errors-only",
        "availability": "ha",
        "replicas": {name: count for name, count in needed.replicas.items() if count > 1},
        "protect": True,
    }


def _nodes(needed: Need, known: Constants) -> dict[str, int]:
    """Per zone: what is usual begins, what comes at the peak is the bound, either without one of the zones."""

    def each(cores: float, memory: float, kind: Node) -> int:
        return max(1, math.ceil(max(cores / kind.cores, memory / kind.memory) / (ZONES - 1)))

    usual_memory = needed.node_memory_gb * needed.node_cores_usual / needed.node_cores
    for kind in known.nodes:
        initial = each(needed.node_cores_usual, usual_memory, kind)
        most = each(needed.node_cores, needed.node_memory_gb, kind)
        if most <= known.nodes_per_zone:
            break
    return {"min": initial, "initial": initial, "max": most, "cores": kind.cores, "memory": kind.memory}


def _numbers(preset: str) -> tuple[int, int]:
    found = PRESET.fullmatch(preset)
    assert found, preset
    return int(found[1]), int(found[2])
