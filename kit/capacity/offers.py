"""What there is to choose from: host classes, the largest disks, most nodes, a new cloud's quotas.

It is what the emulator of the cloud goes by, read as data: kit/yandex itself needs the extra `cloud`, and a calculation does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kit import yaml_file
from kit.workspace import PACKAGE

RULES = PACKAGE / "yandex" / "rules"
FAMILIES = ("s3", "hm3")  # Ice Lake: of all databases, and of Valkey
DISK, ENGINES = "network-ssd", ("kafka", "clickhouse", "postgresql", "redis")


def read() -> dict[str, Any]:
    """As fields of `Constants`; smallest first."""
    families = _data("presets.yaml")["families"]
    disks = _data("disks.yaml")
    groups = _data("nodes.yaml")["groups"]
    quotas = [line for lines in _data("quotas.yaml").values() if isinstance(lines, list) for line in lines]
    return {
        "presets": {family: [f"{family}-{size}" for size in families[family]["sizes"]] for family in FAMILIES},
        "largest_disks": {engine: max(line["maximum"] for line in disks[engine] if line["type"] == DISK) for engine in ENGINES},
        "most_nodes": groups["nodes_of_a_cluster"]["value"],
        "new_cloud": {line["id"]: line["limit"] for line in quotas},
    }


def _data(name: str) -> Any:
    return yaml_file.read(Path(RULES, name)).plain()
