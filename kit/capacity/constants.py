"""What a unit of load costs, as constants.yaml says it: read, checked, and handed to functions that do nothing but calculate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct

from kit import yaml_file
from kit.blueprint.load import Load
from kit.capacity import offers

FILE = Path(__file__).with_name("constants.yaml")
Source = Literal["measured", "published", "assumed"]


class Constant(Struct, frozen=True, forbid_unknown_fields=True):
    """A number with its unit, and where it is from."""

    value: float
    unit: str
    source: Source
    where: str


class Topic(Struct, frozen=True, forbid_unknown_fields=True):
    """What a unit of load puts into a topic, and how fast one process of each reader takes it out."""

    of: Literal["events", "transactions", "spans", "all"]
    readers: Mapping[str, float]
    source: Source
    where: str
    share: float = 0
    more: float = 0
    records: float = 1
    batched: bool = False  # several records are written together


class Node(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of node: vCPU, GB."""

    cores: int
    memory: int


class DiskSpeed(Struct, frozen=True, forbid_unknown_fields=True):
    """MB a second."""

    per_block: float
    most: float


class SizeFor(Struct, frozen=True, forbid_unknown_fields=True):
    """The load that a size is made for; rates a second."""

    events: float
    transactions: float
    retention_days: int
    event_kb: float = 10
    peak: float = 3

    @property
    def load(self) -> Load:
        return Load(self.events, self.event_kb, self.transactions, self.peak)


class Constants(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file, and what there is to choose from."""

    when: str
    machine: str
    constants: Mapping[str, Constant]
    topics: Mapping[str, Topic]
    partition_steps: tuple[int, ...]
    other_partitions: int
    nodes: tuple[Node, ...]
    nodes_per_zone: int
    disk_step: int
    disk_mb_s: DiskSpeed
    sizes: Mapping[str, SizeFor]
    # what there is, which offers.py reads
    presets: Mapping[str, tuple[str, ...]]
    largest_disks: Mapping[str, int]  # engine → GB
    most_nodes: int
    new_cloud: Mapping[str, float]  # quota → its limit, sizes in GB

    def __getitem__(self, name: str) -> float:
        return self.constants[name].value


@cache
def load() -> Constants:
    """Those that are shipped."""
    document = yaml_file.read(FILE)
    return document.convert({**document.plain(), **offers.read()}, Constants, ())
