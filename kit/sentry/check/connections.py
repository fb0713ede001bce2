"""What the executor found, as types: which components make which connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kit.sentry.chart.manifests import Container


@dataclass(frozen=True, slots=True)
class Tls:
    on: bool
    verify: str  # "full", "chain" or "none"
    ca: str | None  # a path inside the container
    ca_from: str | None  # the setting or variable that names it


@dataclass(frozen=True, slots=True)
class Connection:
    """See `executor` for the fields; no secret is in here but placeholders, unless the settings hold one in clear."""

    store: str
    client: str
    use: str
    addresses: tuple[tuple[str, int], ...]
    user: str | None
    password: str | None
    tls: Tls
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic that a configuration names, and what the program does with it."""

    name: str
    role: str  # "consumed", "produced", "dead-letter", "retried", "routed" or "renamed"
    use: str  # the setting it comes from: "kafka_topics.taskworker-ingest", "processing.topics.events"


@dataclass(frozen=True, slots=True)
class Executed:
    """One configuration and the containers that run with exactly it."""

    kind: str
    containers: tuple[Container, ...]
    error: str | None
    settings: Mapping[str, Any]
    connections: tuple[Connection, ...]
    topics: tuple[Topic, ...] = ()


def executed(containers: tuple[Container, ...], result: Mapping[str, Any]) -> Executed:
    """Raises what a document of another form raises: KeyError, TypeError, ValueError, AttributeError."""
    error = result["error"]
    return Executed(
        kind=result["kind"],
        containers=containers,
        error=error if error is None else printable(error),
        settings=result["settings"],
        connections=tuple(_connection(each) for each in result["connections"]),
        topics=tuple(Topic(**each) for each in result.get("topics", ())),
    )


def printable(text: str) -> str:
    """Words of settings, fit for a terminal: they are somebody else's."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _connection(document: Mapping[str, Any]) -> Connection:
    return Connection(
        **{
            **document,
            "addresses": tuple((str(host), int(port)) for host, port in document["addresses"]),
            "tls": Tls(**document["tls"]),
        }
    )
