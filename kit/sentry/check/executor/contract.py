"""What a reader is given and what it finds: the types between the program, the six readers and the shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Connection = dict[str, Any]
Topic = dict[str, str]


class Refused(Exception):
    """The program itself would not start with these settings; the message says why, with the key or variable.

    Raised where nothing else can be told; `Found.error` holds the same beside what is clear all the same.
    """


@dataclass(frozen=True, slots=True)
class Given:
    """What one component starts with."""

    source: str  # the text of its settings file; "" where there is none
    env: Mapping[str, str]
    version: tuple[int, ...] = ()  # of the program, as the image's tag says it; empty: not known, taken for the newest
    options: str = ""  # the text of Sentry's config.yml
    command: tuple[str, ...] = ()  # the words that it is started with, as far as they choose topics
    files: Mapping[str, str | None] | None = None  # mounted files by path, None: not to be told; without it the disk is asked

    def before(self, *version: int) -> bool:
        """Whether the program is known to be older."""
        return bool(self.version) and self.version < version


@dataclass(slots=True)
class Found:
    """What its clients would do with it, and why the program would not even start (None: it would)."""

    connections: list[Connection] = field(default_factory=list)
    topics: list[Topic] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def topic(self, name: Any, role: str, use: str) -> None:
        """Note a topic once for each role; nothing where there is no name."""
        made = {"name": str(name), "role": role, "use": use}
        if name and made not in self.topics:
            self.topics.append(made)
