"""Records of a topic as they come, seen by an authenticated consumer that leaves no trace: no group, no committed offset.

So it can look at a topic that Sentry's own consumers read, and nobody misses a record for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kit.endpoints import KafkaEndpoint, Trust
from kit.stores.contract import StoreError

NAME = "kafka"
REQUEST_TIMEOUT_S = 10.0
POLL_S = 0.2
CLOCKS_S = 300.0  # how far the clock of a broker or a producer may be behind


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    partition: int
    offset: int
    value: bytes = field(repr=False)


class Tail:
    """What comes into a topic from now on."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic

    def find(self, wanted: bytes, timeout_s: float) -> Record | None:
        """The first further record whose value holds these bytes, or None. Raises `StoreError`."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            message = self._consumer.poll(POLL_S)
            if message is None:
                continue
            if message.error():
                raise StoreError(NAME, f"reading topic {self._topic}", message.error())
            if wanted in (message.value() or b""):
                return Record(self._topic, message.partition(), message.offset(), message.value())
        return None


@contextmanager
def tail(endpoint: KafkaEndpoint, trust: Trust, topic: str, since: datetime | None = None) -> Iterator[Tail]:
    """Every partition from its present end on, or from what came `since`. Raises `StoreError`."""
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    from kit.stores import kafka_admin

    # librdkafka wants a name for a group even where none is joined.
    quiet_ones = {"group.id": "kit-looks-on", "enable.auto.commit": False, "enable.auto.offset.store": False}
    consumer = Consumer({**kafka_admin.settings(endpoint, trust), **quiet_ones}, logger=kafka_admin.QUIET)
    try:
        known = consumer.list_topics(topic, timeout=REQUEST_TIMEOUT_S).topics[topic]
        if known.error is not None:
            raise StoreError(NAME, f"looking at topic {topic}", known.error)
        places = [TopicPartition(topic, number) for number in known.partitions]
        for place in places:
            _, end = consumer.get_watermark_offsets(place, timeout=REQUEST_TIMEOUT_S)
            place.offset = end if since is None else _at(consumer, place, since, end)
        consumer.assign(places)
        yield Tail(consumer, topic)
    except KafkaException as error:
        raise StoreError(NAME, f"reading topic {topic}", error) from error
    finally:
        consumer.close()


def _at(consumer: Any, place: Any, since: datetime, end: int) -> int:
    """The first offset of that time or later; the end where nothing came since."""
    from confluent_kafka import TopicPartition

    moment_ms = int((since - timedelta(seconds=CLOCKS_S)).timestamp() * 1000)
    (found,) = consumer.offsets_for_times([TopicPartition(place.topic, place.partition, moment_ms)], timeout=REQUEST_TIMEOUT_S)
    return found.offset if found.offset >= 0 else end
