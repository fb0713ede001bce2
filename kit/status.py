"""The state of a stack's components, and claims about its connections: made by targets, shown by `kit.report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["absent", "starting", "ready", "degraded", "failed"]

# Exit codes of the commands that look: nothing is wrong; something is, or differs; there is nothing to look at.
FINE, SOMETHING_WRONG, NO_STACK = 0, 3, 4


@dataclass(frozen=True, slots=True)
class TlsSeen:
    version: str
    verified: bool
    issuer: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Component:
    name: str
    role: Literal["store", "cluster", "application"]
    state: State
    address: str | None = None
    url: str | None = None
    tls: TlsSeen | None = None
    image: Mapping[str, str | None] | None = None  # reference, source
    release: Mapping[str, str] | None = None  # chart, version
    replicas: Mapping[str, str] | None = None  # workload of several pods → "2 of 3": ready, wanted
    preflight: Mapping[str, Any] | None = None
    latency_ms: float | None = None
    reason: str | None = None  # why it is not ready, or what a ready one is only a stand-in for


@dataclass(frozen=True, slots=True)
class Status:
    stack: str
    target: str
    components: tuple[Component, ...]

    @property
    def is_ready(self) -> bool:
        return all(component.state == "ready" for component in self.components)

    @property
    def exit_code(self) -> int:
        if all(component.state == "absent" for component in self.components):
            return NO_STACK
        return FINE if self.is_ready else SOMETHING_WRONG


@dataclass(frozen=True, slots=True)
class Check:
    """One claim of `kit verify`, tried."""

    subject: str  # "kafka", "clickhouse.native"
    claim: str  # "another authority is refused"
    holds: bool
    said: str
