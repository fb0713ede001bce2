"""How long each thing took the last time it was made on this computer: so that the next one who waits is told how long.

Only an estimate hangs on the file, so a damaged one is forgotten, and of two writers one may lose a figure.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kit import files
from kit.supply.resolve import Need


@dataclass(frozen=True)
class Durations:
    path: Path
    _writing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def of(self, need: Need) -> float | None:
        """Seconds, of the same thing made in the same way; None if it never was."""
        return self._all().get(f"{need.how} {need.key}")

    def keep(self, need: Need, seconds: float) -> None:
        with self._writing, suppress(OSError):
            files.write_json(self.path, {**self._all(), f"{need.how} {need.key}": round(seconds, 1)})

    def _all(self) -> dict[str, float]:
        try:
            return {str(key): float(value) for key, value in json.loads(self.path.read_text()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}
