"""What an installation has: a size of terraform/sizes.yaml with the departures from it, as numbers to calculate with. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kit.errors import KitError

PRESET = re.compile(r"[a-z0-9]+-c(\d+)-m(\d+)")


@dataclass(frozen=True, slots=True)
class Host:
    """One of `count` hosts; memory and disk in GB."""

    count: int
    cores: int
    memory: int
    disk: int


@dataclass(frozen=True, slots=True)
class Shape:
    name: str
    zones: int
    kafka: Host
    clickhouse: Host
    postgres: Host
    redis: Host
    nodes: Host  # `count`: of all zones, the most that they may grow to
    partitions: int  # of topics that have no number of their own
    topic_partitions: Mapping[str, int] = field(default_factory=dict)
    max_connections: int = 0
    growth: float = 1  # how many times its size a disk may grow to, by itself
    keeper: Host | None = None

    def partitions_of(self, topic: str) -> int:
        return self.topic_partitions.get(topic, self.partitions)


class ResourcesUnclear(KitError):
    """A variable that says how large something is does not say it in the shape that is expected there."""

    code = "KIT-CAPACITY-RESOURCES"
    exit_code = 10
    what = "what is planned cannot be calculated with: {place} is {value}"
    why = "{wanted} is expected there"
    fix = "correct it below `cloud:` in kit.yaml; terraform/variables.tf says what may stand there"


def of(name: str, size: Mapping[str, Any], variables: Mapping[str, Any] | None = None) -> Shape:
    """A size as sizes.yaml has it, with what the variables `resources` and `topic_partitions` say instead (terraform/locals.tf).

    Raises `ResourcesUnclear`.
    """
    given = variables or {}
    own = _mapping(given.get("resources"), "resources")
    parts = {
        key: {**part, **{name: value for name, value in _mapping(own.get(key), f"resources.{key}").items() if value is not None}}
        for key, part in size.items()
        if isinstance(part, dict)
    }
    zones = min(int(size["zones"]), _length(given.get("zones"), int(size["zones"])))
    nodes, clickhouse = _Part("nodes", parts["nodes"]), _Part("clickhouse", parts["clickhouse"])
    kafka, postgres, redis = (_Part(name, parts[name]) for name in ("kafka", "postgres", "redis"))
    has_keeper = clickhouse.values["keeper"] == "separate"
    own_partitions = _Part("topic_partitions", _mapping(given.get("topic_partitions"), "topic_partitions"))
    return Shape(
        name=name,
        zones=zones,
        kafka=kafka.host(BROKERS),
        clickhouse=clickhouse.host(clickhouse.number("hosts")),
        postgres=postgres.host(postgres.number("hosts")),
        redis=redis.host(redis.number("hosts")),
        nodes=Host(zones * nodes.number("max"), nodes.number("cores"), nodes.number("memory"), nodes.number("disk_size")),
        partitions=kafka.number("partitions"),
        topic_partitions={
            **parts.get("topic_partitions", {}),
            **{topic: own_partitions.number(topic) for topic in own_partitions.values},
        },
        max_connections=postgres.number("max_connections"),
        growth=_growth(given),
        keeper=clickhouse.host(KEEPERS, "keeper_") if has_keeper else None,
    )


BROKERS, KEEPERS = 3, 3
GROWTH = 2.0  # the default of `disk_growth.limit`


def _growth(variables: Mapping[str, Any]) -> float:
    """Of the variable `disk_growth`: not given is its default, null is none."""
    given = variables.get("disk_growth", {})
    return 1 if given is None else _Part("disk_growth", {"limit": GROWTH, **_mapping(given, "disk_growth")}).amount("limit")


@dataclass(frozen=True, slots=True)
class _Part:
    """One service's numbers, and what it is called in a complaint."""

    name: str
    values: Mapping[str, Any]

    def number(self, key: str) -> int:
        return int(self.amount(key))

    def amount(self, key: str) -> float:
        value = self.values[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise ResourcesUnclear(place=f"{self.name}.{key}", value=repr(value), wanted="a number above zero")
        return value

    def host(self, count: int, prefix: str = "") -> Host:
        written = self.values[f"{prefix}preset"]
        found = PRESET.fullmatch(str(written))
        if found is None:
            wanted = "a host class that names its size, such as s3-c4-m16,"
            raise ResourcesUnclear(place=f"{self.name}.{prefix}preset", value=repr(written), wanted=wanted)
        return Host(count, int(found[1]), int(found[2]), self.number(f"{prefix}disk_size"))


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ResourcesUnclear(place=place, value=repr(value), wanted="a mapping")
    return value or {}


def _length(zones: Any, of_size: int) -> int:
    """Of the variable `zones`; not given, null and empty are those of the size."""
    if zones is not None and not isinstance(zones, list | tuple):
        raise ResourcesUnclear(place="zones", value=repr(zones), wanted="a list")
    return len(zones or range(of_size))
