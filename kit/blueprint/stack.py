"""What is wanted: one frozen description, the same for both targets. Pure data with defaults; nothing here looks at the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Target = Literal["local", "cloud"]
Part = Literal["stores", "cluster", "sentry"]
PARTS: tuple[Part, ...] = ("stores", "cluster", "sentry")
STORES = ("kafka", "postgres", "redis", "clickhouse", "s3")

Flavour = Literal["lite", "chart"]
FLAVOURS: tuple[Flavour, ...] = ("lite", "chart")
Size = Literal["errors-only", "full"]
SIZES: tuple[Size, ...] = ("errors-only", "full")
PROFILES = ("current", "seed")  # each a file in terraform/modules/sentry-values/profiles

DEFAULT_NAME = "kit"
SENTRY_PORT = 8443 + 1000  # 9443: next to ClickHouse's 8443, which a Sentry page must not squat on


@dataclass(frozen=True, slots=True)
class SentryWanted:
    """Which Sentry, and with which configuration: the same choice for both targets."""

    flavour: Flavour = "lite"  # the small stand-in, or the chart itself
    profile: str = "current"
    size: Size = "errors-only"
    chart: str | None = None  # a directory, a .tgz or oci://…; None: where the profile says
    retention_days: int = 90
    topics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of the user's own values, name → settings


@dataclass(frozen=True, slots=True)
class Stack:
    name: str = DEFAULT_NAME
    target: Target = "local"
    ports: Mapping[str, int] = field(default_factory=dict)  # "kafka.sasl" → number the user fixed; others are chosen
    memory_mb: Mapping[str, int] = field(default_factory=dict)  # store → limit; others keep the default of compose.yaml
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # store → more names of it; the first is its own
    parts: tuple[Part, ...] = PARTS
    sentry: SentryWanted = field(default_factory=SentryWanted)
    trusts_chart: bool = False  # for this call: its settings may run as the user where there is no sandbox; never remembered
    cloud: Mapping[str, Any] = field(default_factory=dict)  # variables of terraform/variables.tf that the user sets
