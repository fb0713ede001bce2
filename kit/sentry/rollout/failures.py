"""What can be known of a failure from the words of pods and of Kubernetes: failures.yaml, read once, asked line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

FILE = Path(__file__).with_name("failures.yaml")
NEEDED = frozenset({"id", "in", "any", "cause", "advice", "source"})
Where = Literal["log", "state"]


@dataclass(frozen=True, slots=True)
class Failure:
    id: str
    where: Where
    patterns: tuple[re.Pattern[str], ...]
    cause: str
    advice: str
    passes: bool  # it may be over by itself
    source: str  # where the words come from, and when they were read

    def fits(self, line: str) -> bool:
        return any(pattern.search(line) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Match:
    """A known failure, and the line by which it is known."""

    failure: Failure
    line: str


@cache
def known(file: Path = FILE) -> tuple[Failure, ...]:
    """In the order of the file. A mistake in it raises here: it is shipped with kit."""
    import yaml

    return tuple(_failure(entry) for entry in yaml.safe_load(file.read_text()))


def find(where: Where, text: str, failures: Sequence[Failure] | None = None) -> Match | None:
    """The first known failure that a line of the text fits; of its lines, the last one that does."""
    lines = text.splitlines()
    for failure in failures or known():
        if failure.where != where:
            continue
        fitting = next((line for line in reversed(lines) if failure.fits(line)), None)
        if fitting is not None:
            return Match(failure, fitting.strip())
    return None


def _failure(entry: dict[str, Any]) -> Failure:
    wrong = (set(entry) ^ NEEDED) - {"passes"}
    if wrong or entry["in"] not in ("log", "state"):
        raise ValueError(f"failures.yaml: {entry.get('id')}: {sorted(wrong) or entry['in']}")
    patterns = tuple(re.compile(pattern) for pattern in entry["any"])
    passes = bool(entry.get("passes"))
    return Failure(entry["id"], entry["in"], patterns, entry["cause"], entry["advice"], passes, entry["source"])
