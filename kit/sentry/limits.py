"""How much of Sentry the stores of a place have room for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """What is not known is not held against a release."""

    partitions: Mapping[str, int] = field(default_factory=dict)  # topic → number of them
    postgres_connections: int | None = None  # that Sentry's user may hold


UNKNOWN = Limits()
