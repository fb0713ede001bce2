"""The plan of one operation: what it writes into the journal, and what it does behind the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from kit.yandex.engine.journal import Change, Record

ResponsePatch = Callable[[Any], None]  # sets in the resource what only the backing knows: a cluster's address
SideEffect = Callable[[], ResponsePatch | None]


@dataclass(slots=True)
class OperationPlan:
    """`side_effects` call the backing, in this order; each may return a patch of the primary record. `undo` removes what a failed
    creation left behind."""

    verb: str  # create, update, delete
    change: Change
    primary: Record
    names: dict[str, str] = field(default_factory=dict)  # fields of the metadata beyond those of the request
    lists: dict[str, list[str]] = field(default_factory=dict)
    subject: str = ""  # operations with the same subject run one after the other; "": no such limit
    side_effects: list[SideEffect] = field(default_factory=list)
    undo: Callable[[], None] | None = None
    response: Message | None = None
