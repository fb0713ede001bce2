"""Recognises known failures in the messages of pods and of Kubernetes: failures.yaml, read once, asked line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct

from kit import yaml_file

FILE = Path(__file__).with_name("failures.yaml")
Where = Literal["log", "state"]


class Failure(Struct, frozen=True, forbid_unknown_fields=True, rename={"where": "in", "patterns": "any"}):
    id: str
    where: Where
    patterns: tuple[str, ...]  # regular expressions
    cause: str
    advice: str
    source: str  # where the words come from, and when they were read
    passes: bool = False  # it may be over by itself

    def fits(self, line: str) -> bool:
        return any(_compiled(pattern).search(line) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Match:
    """A known failure, and the line by which it is known."""

    failure: Failure
    line: str


@cache
def known(file: Path = FILE) -> tuple[Failure, ...]:
    """In the order of the file. A mistake in it raises here: it is shipped with kit."""
    document = yaml_file.read(file)
    found = document.to(tuple[Failure, ...])
    for number, failure in enumerate(found):
        for pattern in failure.patterns:
            try:
                _compiled(pattern)
            except re.error as error:
                raise document.wrong((str(number), "any"), f"{pattern}: {error}") from error
    return found


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


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
