"""The state that every handler gets: the journal, the backing and the options; and the call that it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kit.pki.content import Content
from kit.yandex import refusal
from kit.yandex.contract import Backing
from kit.yandex.engine import ids
from kit.yandex.engine.descriptors import Method
from kit.yandex.engine.journal import Change, Journal, Record
from kit.yandex.engine.plan import OperationPlan
from kit.yandex.rules import quotas

GRANTED = "quotamanager.v1.QuotaLimit"  # a limit that is another than a new cloud's


@dataclass(frozen=True, slots=True)
class Options:
    """`async_s`: how long an operation lasts at least. `is_strict`: a second operation on a cluster is refused. `quotas`: limits
    that somebody fixed. `iam_delay_s`: how long a role takes until it counts. `clock`: Unix time."""

    async_s: float = 0.0
    is_strict: bool = False
    quotas: Mapping[str, float] = field(default_factory=dict)
    iam_delay_s: float = 0.0
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its method, its message, and who sent it."""

    method: Method
    request: Any
    subject: str = "kit"
    idempotency_key: str = ""


class Runner(Protocol):
    """`operations.Operations`, as handlers use it."""

    def run(self, state: EmulatorState, call: Call, prepare: Callable[[Change], OperationPlan]) -> Message: ...

    def stop(self) -> None: ...


def unissued(names: tuple[str, ...], now: datetime) -> Content:
    raise refusal.precondition(f"no authority issues certificates here (for {', '.join(names)})")


@dataclass(slots=True)
class EmulatorState:
    """Everything that outlives one call."""

    journal: Journal
    backing: Backing
    options: Options
    operations: Runner
    token: str  # the stack's own; nothing else opens the emulator but what is signed with it
    address: str = ""  # where this server is reached: what endpoint discovery answers
    issue: Callable[[tuple[str, ...], datetime], Content] = unissued  # a certificate for these names, as a public authority would
    publish_keys: Callable[[], None] = lambda: None  # after a change of keys, buckets or bindings: see `Backing.put_keys`

    def limits(self) -> Mapping[str, float]:
        """The quotas' limits: those that were fixed, those that were asked for and granted, those of a new cloud."""
        granted = {record.key: record.message.limit.value for record in self.journal.all(GRANTED)}
        return {name: self.options.quotas.get(name, granted.get(name, quota.limit)) for name, quota in quotas.known().items()}

    def find(self, kind: str, key: str, noun: str) -> Record:
        """The record, or NOT_FOUND."""
        record = self.journal.get(kind, key)
        if record is None and ids.is_foreign(key.partition("/")[0]):
            raise refusal.foreign(noun, key)
        if record is None:
            raise refusal.not_found(noun, key)
        return record


def now() -> Timestamp:
    """The current time, in whole seconds as the API shows it."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC).replace(microsecond=0))
    return stamp
