"""What is wanted: one frozen description, the same for both targets. Pure data with defaults; nothing here looks at the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Target = Literal["local", "cloud"]
Part = Literal["stores", "cluster", "sentry"]
PARTS: tuple[Part, ...] = ("stores", "cluster", "sentry")
STORES = ("kafka", "postgres", "redis", "clickhouse", "s3")

DEFAULT_NAME = "kit"
SENTRY_PORT = 8443 + 1000  # 9443: next to ClickHouse's 8443, which a Sentry page must not squat on


@dataclass(frozen=True, slots=True)
class Stack:
    name: str = DEFAULT_NAME
    target: Target = "local"
    ports: Mapping[str, int] = field(default_factory=dict)  # "kafka.sasl" → number the user fixed; others are chosen
    memory_mb: Mapping[str, int] = field(default_factory=dict)  # store → limit; others keep the default of compose.yaml
    parts: tuple[Part, ...] = PARTS
