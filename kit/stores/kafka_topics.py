"""Sentry's topics: what its own schemas ask for beside what the broker has.

The list is not ours: it is data made from a release of the package `sentry-kafka-schemas` (terraform/topics), against which
Sentry and Snuba of that release are built. Comparing is pure; reading takes one request for the topics and one for their
settings, making all of them takes one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.stores.contract import StoreError

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

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


# kit's own: where `smoke` and the preflight write, so that no topic of Sentry's ever holds a record that is not Sentry's. It
# takes what the largest topic takes, for the preflight tries that size; two segments of it are kept for an hour at most.
SMOKE = Topic(
    "kit-smoke",
    1,
    {
        "max.message.bytes": "52428800",
        "segment.bytes": "67108864",
        "segment.ms": "3600000",
        "retention.bytes": "67108864",
        "retention.ms": "3600000",
    },
)


def of_schemas(file: Path) -> tuple[Topic, ...]:
    """Every topic of one release of the schemas, by name. Raises `StoreError` where the file is not one."""
    try:
        document = json.loads(file.read_text())
        return tuple(
            Topic(name, each["partitions"], dict(each["config"]), each["enforced"])
            for name, each in sorted(document["topics"].items())
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError("kafka", f"reading the list of topics in {file.name}", error) from error


def compare(desired: Iterable[Topic], actual: Iterable[Topic]) -> Comparison:
    """Only settings that someone asked for are compared. The broker's own topics (`__…`) and kit's are not looked at."""
    present = {topic.name: topic for topic in actual if not topic.name.startswith("__") and topic.name != SMOKE.name}
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


def mend_own(admin: AdminClient) -> tuple[str, ...]:
    """kit's own topic, made or set as it has to be; a line for what was done."""
    from confluent_kafka.admin import ConfigResource, ResourceType

    from kit.stores.kafka_admin import finish

    if SMOKE.name not in admin.list_topics(timeout=TIMEOUT_S).topics:
        create(admin, [SMOKE])
        return (f"topic {SMOKE.name}",)
    (held,) = finish(
        "reading a topic's settings", admin.describe_configs([ConfigResource(ResourceType.TOPIC, SMOKE.name)]).values()
    )
    there = Topic(SMOKE.name, SMOKE.partitions, {entry.name: entry.value or "" for entry in held.values()})
    differences = _differences(SMOKE, there)
    _set(admin, differences)
    return (f"{len(differences)} settings of topic {SMOKE.name}",) if differences else ()


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


def delete(admin: AdminClient, names: Iterable[str]) -> None:
    """Topics and all that is in them, gone."""
    from kit.stores.kafka_admin import finish

    finish("deleting topics", admin.delete_topics(list(names), operation_timeout=TIMEOUT_S).values())


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
