"""What a client module offers the driver, and the one way in which it says what is wrong.

A client module is `ask(connection, write, wanted)`: connect the way the component does, log in, and with `write` ask the store
for all that the component asks of it, leave something there, read it back and take it away again. `connection` is the shape that
`kit.sentry.check.executor` describes. The libraries are those of the probe image, in the versions that a Sentry release pins;
they are not kit's own, hence `library`.
"""

from __future__ import annotations

import importlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

TIMEOUT_S = 10  # a pod's first seconds on a busy node
MARK = "kit-preflight"  # what the preflight writes bears it in its name
NOTE = "note"  # in place of a cause

Connection = Mapping[str, Any]


class Wrong(Exception):
    """Something is not as the component needs it: `cause` is a key of causes.yaml, `said` the store's or the library's words."""

    def __init__(self, cause: str, said: object) -> None:
        super().__init__(cause)
        self.cause = cause
        self.said = " ".join(str(said).split())[:300]


class Trouble(NamedTuple):
    """Beside a connection that works: a cause as of `Wrong`, or `NOTE` for what is only worth saying."""

    cause: str
    said: str


@dataclass(frozen=True, slots=True)
class Answer:
    did: str  # what was done, in one line
    troubles: tuple[Trouble, ...] = ()


class NamedTopic(NamedTuple):
    """A topic that the component's own configuration names."""

    name: str
    role: str  # "consumed", "produced", "dead-letter", …: see `kit.sentry.check.executor`
    use: str  # the setting


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a component, and the release that it belongs to, asks of the stores beyond a connection."""

    kind: str = ""  # for the executor: "snuba"
    version: tuple[int, ...] = ()  # Sentry's
    topics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # that kit makes: name → settings
    named: tuple[NamedTopic, ...] = ()
    groups: tuple[str, ...] = ()  # consumer groups that its programs join
    largest_record: bool = False  # of all containers of a run, one tries it
    clickhouse: str = ""  # the versions that Snuba works with: ">=24.8,<=26.5"
    is_stand_in: bool = False  # nothing of Sentry's will run here: what only Snuba minds is said, and stops nobody


class Client(Protocol):
    def ask(self, connection: Connection, write: bool, wanted: Wanted) -> Answer:
        """Raises `Wrong` where the store's words are understood, anything else where the library's are not."""


def library(name: str) -> Any:
    """A package of the probe image."""
    return importlib.import_module(name)


def numbers(version: str) -> tuple[int, ...]:
    """To compare by: "25.8.16.10001" → (25, 8, 16, 10001)."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def token() -> str:
    return f"{MARK}-{secrets.token_hex(6)}"


def address(connection: Connection) -> tuple[str, int]:
    """The first one. Raises `Wrong` where the configuration names none."""
    if not connection["addresses"] or not connection["addresses"][0][0]:
        raise Wrong("no-address", f"{connection['use']} names no host")
    host, port = connection["addresses"][0]
    return host, int(port)


def own_ca(connection: Connection, *settings: str) -> str | None:
    """The trust file, if it is one of these settings of the client that names it; a variable is left for the library to find."""
    tls = connection["tls"]
    return tls["ca"] if tls["ca_from"] in settings else None
