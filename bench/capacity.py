"""What an event costs in the stores: bytes on disk, and processor time, on the way Relay → Kafka → consumer → S3 and ClickHouse.

The programs on the way are stand-ins of Sentry's: they do what every one of them must do (read and write over TLS, decode, pack,
insert in batches) and nothing of what Sentry thinks about an event. So the stores' figures are true ones, and those of the
consumers are the least that a consumer can cost. Counted is processor time, which a busy machine stretches less than the clock.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bench.events import SPAN_TABLE, TABLE, events, row, spans
from bench.figures import Figure, Rounds, say
from kit.adapters.docker.client import Docker
from kit.stores import kafka_admin
from kit.targets.local.target import LocalTarget
from tests.support.program import Program
from tests.support.reach import local_target

EVENTS, KILOBYTES = 4000, 10
TOPICS = ("ingest-events", "events")
LOGS = "cat /var/lib/kafka/data/{topic}-*/*.log | wc -c"
INSERT_ROWS, AT_ONCE, PATIENCE_S = 2000, 8, 60.0


@dataclass(frozen=True)
class Took:
    """Processor seconds for 1 000 events."""

    own: float
    store: float
    wall: float


def measure(program: Program, rounds: Rounds) -> Iterator[Figure]:
    say("capacity")
    program.must("up", "--local", "--only", "stores")
    bench = Bench(local_target(program))
    taken = [bench.round(number) for number in range(rounds.of(3))]
    for name in taken[0]:
        values = [each[name] for each in taken]
        what, digits, unit = FIGURES[name]
        yield Figure(what, f"{statistics.median(values):.{digits}f} {unit}", "–", f"`{name}`; median of {len(values)}")
    program.must("down")


FIGURES: dict[str, tuple[str, int, str]] = {
    "event_bytes": ("capacity: an event as JSON", 0, "B"),
    "ingest_single_bytes": ("capacity: on Kafka's disk, one event a batch, lz4", 0, "B"),
    "ingest_batched_bytes": ("capacity: on Kafka's disk, full batches, lz4", 0, "B"),
    "object_bytes": ("capacity: its object, zstd", 0, "B"),
    "error_row_bytes": ("capacity: its row in ClickHouse, merged", 0, "B"),
    "span_row_bytes": ("capacity: a span's row in ClickHouse, merged", 0, "B"),
    "produce_own": ("capacity: producer, for 1 000 events", 2, "CPU s"),
    "produce_broker": ("capacity: Kafka, taking 1 000 events in batches of one", 2, "CPU s"),
    "batched_broker": ("capacity: Kafka, taking 1 000 events in full batches", 2, "CPU s"),
    "consume_broker": ("capacity: Kafka, handing out 1 000 events", 2, "CPU s"),
    "put_own": ("capacity: consumer, packing and putting 1 000 objects", 2, "CPU s"),
    "put_server": ("capacity: MinIO, taking 1 000 objects", 2, "CPU s"),
    "put_rate": ("capacity: objects put by one consumer of 8 threads", 0, "/s"),
    "insert_own": ("capacity: consumer, decoding and inserting 1 000 rows", 2, "CPU s"),
    "insert_server": ("capacity: ClickHouse, inserting and merging 1 000 rows", 3, "CPU s"),
    "span_server": ("capacity: ClickHouse, inserting and merging 1 000 spans", 3, "CPU s"),
    "whole_way": ("capacity: the whole way, stores included, of 1 000 events", 2, "CPU s"),
    "whole_way_rate": ("capacity: … and so on two cores", 0, "events/s"),
}
WHOLE_WAY = ("produce_own", "produce_broker", "consume_broker", "put_own", "put_server", "insert_own", "insert_server")


class Bench:
    def __init__(self, local: LocalTarget) -> None:
        self.local = local
        self.docker = Docker()
        self.endpoints, self.trust = local.endpoints(), local.trust()

    def round(self, number: int) -> dict[str, float]:
        """One pass of all events over the whole way."""
        made = list(events(EVENTS, KILOBYTES, seed=number))
        packed = [json.dumps(each).encode() for each in made]
        found: dict[str, float] = {"event_bytes": sum(map(len, packed)) / EVENTS}

        before = self.log_bytes("ingest-events")
        took = self.cost("kafka", lambda: self.produce("ingest-events", packed, {"batch.num.messages": 1}))
        found |= {"produce_own": took.own, "produce_broker": took.store}
        found["ingest_single_bytes"] = (self.log_bytes("ingest-events") - before) / EVENTS

        before = self.log_bytes("events")
        took = self.cost("kafka", lambda: self.produce("events", packed, {"linger.ms": 50}))
        found["batched_broker"] = took.store
        found["ingest_batched_bytes"] = (self.log_bytes("events") - before) / EVENTS

        read: list[bytes] = []
        found["consume_broker"] = self.cost("kafka", lambda: read.extend(self.consume("ingest-events"))).store
        sizes: list[int] = []
        took = self.cost("s3", lambda: sizes.extend(self.put(read)))
        found |= {
            "put_own": took.own,
            "put_server": took.store,
            "put_rate": 1000 / took.wall,
            "object_bytes": sum(sizes) / EVENTS,
        }

        took = self.cost(
            "clickhouse", lambda: self.insert("errors", TABLE, (row(json.loads(each), at) for at, each in enumerate(read)))
        )
        found |= {"insert_own": took.own, "insert_server": took.store, "error_row_bytes": self.row_bytes("errors")}
        took = self.cost("clickhouse", lambda: self.insert("spans", SPAN_TABLE, spans(EVENTS, seed=number)))
        found |= {"span_server": took.store, "span_row_bytes": self.row_bytes("spans")}
        found["whole_way"] = sum(found[name] for name in WHOLE_WAY)
        found["whole_way_rate"] = 2 * 1000 / found["whole_way"]
        return {name: found[name] for name in FIGURES}

    def cost(self, store: str, action: Callable[[], object]) -> Took:
        container = f"{self.local.stack.name}-{store}"
        own, used, wall = time.process_time(), self.cpu(container), time.monotonic()
        action()
        ended = time.monotonic() - wall
        own = time.process_time() - own
        return Took(own * 1000 / EVENTS, (self.cpu(container) - used) * 1000 / EVENTS, ended * 1000 / EVENTS)

    def cpu(self, container: str) -> float:
        stats: dict[str, Any] = self.docker.api.stats(container, stream=False)
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    def log_bytes(self, topic: str) -> int:
        ran = self.docker.exec(f"{self.local.stack.name}-kafka", ["sh", "-c", LOGS.format(topic=topic)])
        return int(ran.output)

    def settings(self) -> dict[str, Any]:
        return kafka_admin.settings(self.endpoints.kafka, self.trust)

    def produce(self, topic: str, values: Iterable[bytes], more: dict[str, Any]) -> None:
        from confluent_kafka import Producer

        failed: list[object] = []
        producer = Producer({**self.settings(), "compression.type": "lz4", **more}, logger=kafka_admin.QUIET)
        for value in values:
            producer.poll(0)
            while True:
                try:
                    producer.produce(topic, value, on_delivery=lambda error, _: failed.append(error) if error else None)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(PATIENCE_S) == 0
        assert not failed, failed[0]

    def consume(self, topic: str) -> Iterator[bytes]:
        """The last `EVENTS` of it."""
        from confluent_kafka import Consumer, TopicPartition

        quiet = {"group.id": "kit-bench", "enable.auto.commit": False}
        consumer = Consumer({**self.settings(), **quiet}, logger=kafka_admin.QUIET)
        try:
            place = TopicPartition(topic, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=PATIENCE_S)
            place.offset = end - EVENTS
            consumer.assign([place])
            left = EVENTS
            while left:
                messages = consumer.consume(min(left, 500), PATIENCE_S)
                assert messages, "nothing comes"
                left -= len(messages)
                yield from (message.value() for message in messages)
        finally:
            consumer.close()

    def put(self, values: list[bytes]) -> Iterator[int]:
        import boto3
        from backports import zstd
        from botocore.config import Config

        s3 = self.endpoints.s3
        client = boto3.client(
            "s3",
            endpoint_url=f"https://{s3.host}:{s3.port}",
            region_name=s3.region,
            aws_access_key_id=s3.nodestore.access_key,
            aws_secret_access_key=s3.nodestore.secret_key.reveal(),
            verify=str(self.trust.ca_file),
            config=Config(max_pool_connections=AT_ONCE, s3={"addressing_style": "path"}),
        )

        def one(value: bytes) -> int:
            body = zstd.compress(value)
            key = json.loads(value)["event_id"]
            client.put_object(Bucket=s3.nodestore.name, Key=key, Body=body, ContentEncoding="zstd")
            return len(body)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(one, values)

    def insert(self, table: str, definition: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """In batches, and merged until one part is left."""
        client = self.clickhouse()
        try:
            client.execute(f"DROP TABLE IF EXISTS {table}")
            client.execute(definition.format(name=table))
            batch: list[tuple[Any, ...]] = []
            for each in rows:
                batch.append(each)
                if len(batch) == INSERT_ROWS:
                    client.execute(f"INSERT INTO {table} VALUES", batch)
                    batch = []
            if batch:
                client.execute(f"INSERT INTO {table} VALUES", batch)
            client.execute(f"OPTIMIZE TABLE {table} FINAL")
        finally:
            client.disconnect()

    def row_bytes(self, table: str) -> float:
        client = self.clickhouse()
        try:
            query = "SELECT sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active AND table = %(table)s"
            ((size, count),) = client.execute(query, {"table": table})
            return float(size) / float(count)
        finally:
            client.disconnect()

    def clickhouse(self) -> Any:
        from clickhouse_driver import Client

        place = self.endpoints.clickhouse
        return Client(
            host=place.host,
            port=place.native_port,
            database=place.database,
            user=place.username,
            password=place.password.reveal(),
            secure=True,
            verify=True,
            ca_certs=str(self.trust.ca_file),
        )
