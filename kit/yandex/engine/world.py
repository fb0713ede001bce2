"""What every handler is given: the journal, the backing, the options, and the call it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp

from kit.yandex.contract import Backing
from kit.yandex.engine import ids, refusal
from kit.yandex.engine.descriptors import Method
from kit.yandex.engine.journal import Journal, Record

if TYPE_CHECKING:
    from kit.yandex.engine.operations import Operations


@dataclass(frozen=True, slots=True)
class Options:
    """`async_s`: how long an operation lasts at least. `is_strict`: a second operation on a cluster is refused."""

    async_s: float = 0.0
    is_strict: bool = False
    quotas: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    method: Method
    request: Any
    subject: str = "kit"
    idempotency_key: str = ""


@dataclass(slots=True)
class World:
    journal: Journal
    backing: Backing
    options: Options
    operations: Operations
    address: str = ""  # where this server is reached: what endpoint discovery answers
    announce: Callable[[], None] = lambda: None  # keys, buckets or bindings have changed: see `Backing.put_keys`

    def find(self, kind: str, key: str, noun: str) -> Record:
        """The record, or NOT_FOUND."""
        record = self.journal.get(kind, key)
        if record is None and ids.is_foreign(key.partition("/")[0]):
            raise refusal.foreign(noun, key)
        if record is None:
            raise refusal.not_found(noun, key)
        return record


def now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC).replace(microsecond=0))
    return stamp
