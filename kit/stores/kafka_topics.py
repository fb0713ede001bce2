"""Sentry's topics: what its own schemas ask for beside what the broker has.

The list is not ours: the package `sentry-kafka-schemas` carries one file per topic with the settings that it has to be made with,
and Sentry and Snuba are built against the same package. Its files are read where they lie: importing it costs 170 ms. Comparing
is pure; reading takes one request for the topics and one for their settings, making all of them takes one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.stores.contract import StoreError

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

SCHEMAS = "sentry_kafka_schemas"
PARTITIONS = "partitions"  # named like a setting where differences are listed
TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    partitions: int
    settings: Mapping[str, str]
    is_count_enforced: bool = False  # exactly that many partitions, else at least


@dataclass(frozen=True, slots=True)
class Difference:
    topic: str
    setting: str
    wanted: str
    actual: str


@dataclass(frozen=True, slots=True)
class Comparison:
    same: tuple[str, ...]
    missing: tuple[Topic, ...]
    extra: tuple[str, ...]  # the broker has them and nobody asked for them; never removed
    different: tuple[Difference, ...]

    @property
    def is_same(self) -> bool:
        """Extra topics do no harm."""
        return not self.missing and not self.different


# kit's own: where `smoke` writes, so that no topic of Sentry's ever holds a record that is not Sentry's.
SMOKE = Topic("kit-smoke", 1, {"retention.ms": "3600000", "segment.ms": "3600000", "max.message.bytes": "65536"})


def desired(folder: Path | None = None) -> tuple[Topic, ...]:
    """Every topic of the schemas in `folder` (those of the installed package), and kit's own, by name."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = sorted((folder or _topics_folder()).glob("*.yaml"))
    topics = [_topic(file.stem, yaml.load(file.read_text(), loader)) for file in files]
    return tuple(sorted([*topics, SMOKE], key=lambda topic: topic.name))


def _topics_folder() -> Path:
    found = importlib.util.find_spec(SCHEMAS)  # of a package at the top this runs none of its code
    if found is None or not found.submodule_search_locations:
        raise StoreError("kafka", "reading the list of topics", "the package sentry-kafka-schemas is not installed")
    return Path(found.submodule_search_locations[0]) / "topics"


def _topic(name: str, document: Mapping[str, Any]) -> Topic:
    enforced = document.get("enforced_partition_count")
    settings = {key: str(value) for key, value in document["topic_creation_config"].items()}
    return Topic(name, enforced or 1, settings, enforced is not None)


def compare(desired: Iterable[Topic], actual: Iterable[Topic]) -> Comparison:
    """Only settings that someone asked for are compared. The broker's own topics (`__…`) are not looked at."""
    present = {topic.name: topic for topic in actual if not topic.name.startswith("__")}
    wanted = {topic.name: topic for topic in desired}
    differences = {name: _differences(topic, present[name]) for name, topic in wanted.items() if name in present}
    return Comparison(
        same=tuple(name for name, found in differences.items() if not found),
        missing=tuple(topic for name, topic in wanted.items() if name not in present),
        extra=tuple(sorted(present.keys() - wanted.keys())),
        different=tuple(difference for found in differences.values() for difference in found),
    )


def _differences(wanted: Topic, actual: Topic) -> list[Difference]:
    found = [
        Difference(wanted.name, setting, value, actual.settings.get(setting, ""))
        for setting, value in wanted.settings.items()
        if _parts(actual.settings.get(setting, "")) != _parts(value)
    ]
    too_many = wanted.is_count_enforced and actual.partitions > wanted.partitions
    if too_many or actual.partitions < wanted.partitions:
        found.append(Difference(wanted.name, PARTITIONS, str(wanted.partitions), str(actual.partitions)))
    return found


def _parts(value: str) -> list[str]:
    """`compact,delete` and `delete,compact` say the same."""
    return sorted(part.strip() for part in value.split(","))


def actual(admin: AdminClient) -> tuple[Topic, ...]:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource, ResourceType

    from kit.stores.kafka_admin import finish

    try:
        counts = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=TIMEOUT_S).topics.items()}
    except KafkaException as error:
        raise StoreError("kafka", "listing topics", error) from error
    if not counts:
        return ()
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in counts])
    answers = finish("reading the settings of topics", asked.values())
    settings = {
        resource.name: {entry.name: entry.value or "" for entry in answer.values()}
        for resource, answer in zip(asked, answers, strict=True)
    }
    return tuple(Topic(name, counts[name], settings[name]) for name in sorted(counts))


def create(admin: AdminClient, topics: Iterable[Topic]) -> None:
    from confluent_kafka.admin import NewTopic

    from kit.stores.kafka_admin import finish

    new = [
        NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=-1, config=dict(topic.settings))
        for topic in topics
    ]
    finish("creating topics", admin.create_topics(new, operation_timeout=TIMEOUT_S).values())


def mend(admin: AdminClient, comparison: Comparison) -> tuple[str, ...]:
    """Create what is missing and set what differs; returns a line for each. Nothing is removed, and no partition is."""
    if comparison.missing:
        create(admin, comparison.missing)
    lines = [f"created {topic.name}" for topic in comparison.missing]
    settings = [difference for difference in comparison.different if difference.setting != PARTITIONS]
    _set(admin, settings)
    lines += [f"{each.topic}: {each.setting} {each.actual or 'unset'} → {each.wanted}" for each in settings]
    counts = [difference for difference in comparison.different if difference.setting == PARTITIONS]
    _grow(admin, [each for each in counts if int(each.wanted) > int(each.actual)])
    for each in counts:
        grown = int(each.wanted) > int(each.actual)
        outcome = f"→ {each.wanted}" if grown else f"stay: Kafka cannot take partitions away, {each.wanted} are wanted"
        lines.append(f"{each.topic}: {PARTITIONS} {each.actual} {outcome}")
    return tuple(lines)


def _set(admin: AdminClient, differences: Iterable[Difference]) -> None:
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

    from kit.stores.kafka_admin import finish

    changes: dict[str, list[Any]] = {}
    for each in differences:
        entry = ConfigEntry(each.setting, each.wanted, incremental_operation=AlterConfigOpType.SET)
        changes.setdefault(each.topic, []).append(entry)
    if changes:
        resources = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=new) for name, new in changes.items()]
        finish("setting topics right", admin.incremental_alter_configs(resources).values())


def _grow(admin: AdminClient, differences: Iterable[Difference]) -> None:
    from confluent_kafka.admin import NewPartitions

    from kit.stores.kafka_admin import finish

    if more := [NewPartitions(each.topic, int(each.wanted)) for each in differences]:
        finish("adding partitions", admin.create_partitions(more).values())
