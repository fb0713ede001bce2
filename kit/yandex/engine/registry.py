"""The handlers of the API's methods. A method without one is UNIMPLEMENTED, and the coverage page says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kit.yandex.engine import descriptors
from kit.yandex.engine.state import Call, EmulatorState

Handler = Callable[[EmulatorState, Call], Any]

MODELLED, GENERIC = "modelled", "generic"


@dataclass(frozen=True, slots=True)
class Entry:
    """A handler, and what the coverage page says of it."""

    handler: Handler
    level: str
    backed: str  # what stands behind it with a real backing; "" for nothing beyond the journal


@dataclass(slots=True)
class Registry:
    """Method's path → handler."""

    entries: dict[str, Entry] = field(default_factory=dict)  # path → entry

    def add(self, service: str, name: str, handler: Handler, level: str = MODELLED, backed: str = "") -> None:
        """Set a method's handler; a service's own replaces the common one. Unknown names are an error."""
        self.entries[descriptors.methods(service)[name].path] = Entry(handler, level, backed)
