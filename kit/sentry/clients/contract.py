"""What a client module offers the driver, and the one way in which it says what is wrong.

A client module is `ask(connection, write)`: connect the way the component does, log in, and with `write` leave something in the
store, read it back and take it away again. `connection` is the shape that `kit.sentry.check.executor` describes. The
libraries are those of the probe image, in the versions that a Sentry release pins; they are not kit's own, hence `library`.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

TIMEOUT_S = 10  # a pod's first seconds on a busy node
MARK = "kit-preflight"  # what the preflight writes bears it in its name

Connection = Mapping[str, Any]


class Wrong(Exception):
    """Something is not as the component needs it: `cause` is a key of causes.yaml, `said` the store's or the library's words."""

    def __init__(self, cause: str, said: object) -> None:
        super().__init__(cause)
        self.cause = cause
        self.said = " ".join(str(said).split())[:300]


@dataclass(frozen=True, slots=True)
class Answer:
    did: str  # what was done, in one line
    troubles: tuple[tuple[str, str], ...] = ()  # cause, said: beside a connection that works


class Client(Protocol):
    def ask(self, connection: Connection, write: bool, wanted: Mapping[str, Any]) -> Answer:
        """Raises `Wrong` where the store's words are understood, anything else where the library's are not.

        `wanted` is what the release asks of the stores: {"topics": {name: {setting: value}}}.
        """


def library(name: str) -> Any:
    """A package of the probe image."""
    return importlib.import_module(name)


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
