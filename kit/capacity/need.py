"""What a load needs: how much of each resource, and the replicas and requests that come with it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kit.blueprint.load import Load
from kit.capacity.constants import Constants, Topic

GB = 2**30
WORKER, BROKER = "sentry.taskWorker", "sentry.taskBroker"
DAY_S, MONTH_DAYS = 86_400, 30


@dataclass(frozen=True, slots=True)
class Need:
    """Of all hosts of a kind where nothing else is said; what may be full is counted in: what is needed is what must be there."""

    load: Load
    retention_days: int
    readers: Mapping[str, int]  # topic → processes of its slowest reader at the peak, and so the least number of partitions
    partitions: Mapping[str, int]  # topic → the same with room to grow
    replicas: Mapping[str, int]  # component → pods at the peak
    kafka_gb_a_day: float  # on each broker
    kafka_disk_gb: float  # on each broker
    kafka_cores: float
    kafka_mb_s: float
    clickhouse_gb_a_day: float
    clickhouse_disk_gb: float
    clickhouse_cores: float
    postgres_disk_gb: float
    postgres_cores: float
    postgres_connections: int
    valkey_memory_gb: float
    node_cores: float  # at the peak
    node_cores_usual: float
    node_memory_gb: float  # at the peak
    objects_gb_a_day: float
    objects_gb: float
    puts_a_second: float
    puts_a_month: float
    gets_a_month: float


def of(load: Load, retention_days: int, known: Constants) -> Need:
    """Stores keep what comes on average, and take what comes at the peak."""
    flows = {name: Flow.of(topic, load, known) for name, topic in known.topics.items()}
    readers = {name: max(flow.processes(reader, load.peak) for reader in flow.readers) for name, flow in flows.items()}
    partitions = {name: _partitions(flow, load.peak, known) for name, flow in flows.items()}
    replicas = dict(_replicas(flows, load, known))
    kafka_day = sum(flow.disk_bytes for flow in flows.values()) * DAY_S / GB
    late = sum(_unclosed_gb(flow, partitions[name], known) for name, flow in flows.items())
    rows = _row_bytes(load, known) * DAY_S / GB
    incoming = load.events + load.transactions
    object_bytes = (load.events * load.event_kb + load.transactions * known["transaction_kb"]) * 1000
    objects = object_bytes * known["normalised_share"] * known["nodestore_share"] * DAY_S / GB
    kept = load.events * DAY_S * retention_days
    usual, at_peak = _cores(load, 1, known), _cores(load, load.peak, known)
    workers = _workers(load, known)
    rows_a_second = load.events + load.transactions * (1 + known["spans_per_transaction"])
    return Need(
        load=load,
        retention_days=retention_days,
        readers=readers,
        partitions=partitions,
        replicas=replicas,
        kafka_gb_a_day=kafka_day,
        kafka_disk_gb=(kafka_day * known["kafka_retention_days"] + late) / known["disk_fill"],
        kafka_cores=sum(_broker_cores(flow, known) for flow in flows.values()) * load.peak / known["cpu_fill"],
        kafka_mb_s=sum(flow.disk_bytes for flow in flows.values()) * load.peak / 1e6,
        clickhouse_gb_a_day=rows,
        clickhouse_disk_gb=rows * (retention_days + known["clickhouse_late_days"]) / known["clickhouse_disk_fill"],
        clickhouse_cores=(
            incoming / known["clickhouse_cpu_events"] + rows_a_second * load.peak * known["clickhouse_cpu_insert"] / 1000
        )
        / known["cpu_fill"],
        postgres_disk_gb=known["postgres_base_gb"] + kept * known["postgres_bytes"] / GB / known["disk_fill"],
        postgres_cores=load.events * load.peak / known["postgres_events"],
        postgres_connections=math.ceil(
            (
                known["postgres_connections_base"]
                + workers * known["postgres_connections_per_worker"]
                + _django(replicas) * known["postgres_connections_per_reader"]
            )
            / known["postgres_connections_share"]
        ),
        valkey_memory_gb=(
            known["valkey_base_gb"] + load.events * load.event_kb * 1000 * load.peak * known["valkey_backlog_s"] / GB
        )
        / known["valkey_usable"],
        node_cores=at_peak / known["node_fill"],
        node_cores_usual=usual / known["node_fill"],
        node_memory_gb=(known["base_memory_gb"] + (workers + sum(replicas.values())) * known["memory_per_process_gb"])
        / known["node_fill"],
        objects_gb_a_day=objects,
        objects_gb=objects * retention_days,
        puts_a_second=incoming,
        puts_a_month=incoming * DAY_S * MONTH_DAYS,
        gets_a_month=incoming * known["nodestore_gets"] * DAY_S * MONTH_DAYS,
    )


@dataclass(frozen=True, slots=True)
class Flow:
    """What comes into a topic in an average second."""

    records: float
    batches: float
    sent_bytes: float
    disk_bytes: float  # on each broker: all of them have a copy
    readers: Mapping[str, float]

    @classmethod
    def of(cls, topic: Topic, load: Load, known: Constants) -> Flow:
        of_units = {
            "events": load.events,
            "transactions": load.transactions,
            "spans": load.transactions * known["spans_per_transaction"],
            "all": load.events + load.transactions,
        }
        own_kb = known["transaction_kb"] if topic.of == "transactions" else load.event_kb
        records = of_units[topic.of] * topic.records
        sent = records * (own_kb * 1000 * topic.share + topic.more)
        on_disk = sent * known["kafka_disk_share_batched" if topic.batched else "kafka_disk_share"]
        return cls(records, records / (known["kafka_batch"] if topic.batched else 1), sent, on_disk, topic.readers)

    def processes(self, reader: str, peak: float) -> int:
        return math.ceil(self.records * peak / self.readers[reader])


def _partitions(flow: Flow, peak: float, known: Constants) -> int:
    """As many as its slowest readers, and room to grow; more than the largest step stays what it is, and is refused later."""
    wanted = max(flow.records * peak / rate for rate in flow.readers.values()) * known["partition_growth"]
    return next((step for step in known.partition_steps if step >= wanted), math.ceil(wanted))


def _replicas(flows: Mapping[str, Flow], load: Load, known: Constants) -> Iterator[tuple[str, int]]:
    envelopes = (load.events + load.transactions) * load.peak
    yield "relay", math.ceil(envelopes / known["relay_envelopes"])
    for flow in flows.values():
        yield from ((reader, flow.processes(reader, load.peak)) for reader in flow.readers)
    yield WORKER, math.ceil(_workers(load, known) / known["task_processes_per_pod"])


def _django(replicas: Mapping[str, int]) -> int:
    """Readers that speak to PostgreSQL."""
    return sum(count for name, count in replicas.items() if name.startswith("sentry.") and name not in (WORKER, BROKER))


def _workers(load: Load, known: Constants) -> int:
    """Processes that carry out tasks, at the peak."""
    return math.ceil(load.events * load.peak * known["task_cpu_event"] / 1000 * known["task_processes"])


def _cores(load: Load, times: float, known: Constants) -> float:
    """That programs in the cluster use, at so many times the average."""
    envelopes = (load.events + load.transactions) / known["relay_envelopes"]
    tasks = load.events * known["task_cpu_event"] / 1000
    flows = (Flow.of(topic, load, known) for topic in known.topics.values())
    readers = sum(flow.records / rate for flow in flows for rate in flow.readers.values())
    return known["base_cores"] + (envelopes + tasks + readers) * times


def _broker_cores(flow: Flow, known: Constants) -> float:
    """Of a broker that leads every partition. A third of them is its own; the rest is for following, and for a lost broker."""
    by_bytes = flow.sent_bytes / 1e9 * (known["kafka_cpu_in"] + known["kafka_cpu_out"] * len(flow.readers))
    return flow.batches * known["kafka_cpu_request"] / 1000 + by_bytes


def _unclosed_gb(flow: Flow, partitions: int, known: Constants) -> float:
    """What lies in segments that are open still, on one broker: the retention does not reach it."""
    until_closed = flow.disk_bytes * known["kafka_segment_days"] * DAY_S / GB
    return min(partitions * known["kafka_segment_gb"], until_closed)


def _row_bytes(load: Load, known: Constants) -> float:
    """On ClickHouse's disk, a second."""
    errors = load.events * load.event_kb * 1000 * known["clickhouse_error_row_share"]
    spans = known["spans_per_transaction"] * known["clickhouse_span_row_bytes"]
    return (errors + load.transactions * (known["clickhouse_transaction_row_bytes"] + spans)) * known["clickhouse_variety"]
