"""How long each thing takes to make: on this computer the last time, else as it was measured elsewhere.

Only an estimate hangs on this computer's file, so a damaged one is forgotten, and of two writers one may lose a figure.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kit import files, yaml_file
from kit.supply.resolve import Need

TYPICAL = Path(__file__).with_name("typical.yaml")


@dataclass(frozen=True, slots=True)
class Typical:
    """Seconds to build each entry of the lock, measured on another computer."""

    measured: str  # the day
    on: str
    seconds: Mapping[str, float]  # an entry's key → of its build


@dataclass(frozen=True, slots=True)
class Expected:
    seconds: float
    is_from_here: bool  # the last time on this computer, and not `Typical`


@dataclass(frozen=True)
class Durations:
    path: Path
    _writing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def of(self, need: Need) -> float | None:
        """Seconds, of the same thing made in the same way on this computer; None if it never was."""
        return self._all().get(f"{need.how} {need.key}")

    def expected(self, need: Need) -> Expected | None:
        """None of what was never fetched here: that hangs on the line alone."""
        if (here := self.of(need)) is not None:
            return Expected(here, is_from_here=True)
        seconds = typical().seconds.get(need.key) if need.how == "built" else None
        return None if seconds is None else Expected(seconds, is_from_here=False)

    def keep(self, need: Need, seconds: float) -> None:
        with self._writing, suppress(OSError):
            files.write_json(self.path, {**self._all(), f"{need.how} {need.key}": round(seconds, 1)})

    def _all(self) -> dict[str, float]:
        try:
            return {str(key): float(value) for key, value in json.loads(self.path.read_text()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}


@functools.cache
def typical() -> Typical:
    return yaml_file.read(TYPICAL).to(Typical)


def side_by_side(seconds: Collection[float], at_once: int) -> float:
    """About how long things take that are made together: the longest one is not shared."""
    return max(*seconds, sum(seconds) / at_once)


def duration_text(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
