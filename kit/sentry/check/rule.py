"""What a rule is, what it looks at, and what it says when it does not hold.

A rule is data: an id that users and tests can name, one sentence that is true of a good release, the way to mend it, and a test
that yields what it found otherwise. The tests are short, because everything they need is prepared once in `Release`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from kit.endpoints import Secret
from kit.sentry.chart.manifests import Container, containers, of_kind
from kit.sentry.chart.wiring import Wiring
from kit.sentry.check.connections import Executed
from kit.sentry.check.pods import Files
from kit.sentry.lines.profiles import Component
from kit.sentry.objects import Document


class ChartLine(Protocol):
    """What of a profile the rules look at."""

    @property
    def name(self) -> str: ...

    @property
    def chart_name(self) -> str: ...

    @property
    def chart_range(self) -> str:
        """As `packaging.specifiers` reads it: ">=26.14,<27"."""

    @property
    def app_version(self) -> str: ...

    @property
    def components(self) -> tuple[Component, ...]: ...

    @property
    def maximum_clickhouse_hosts(self) -> int | None: ...

    @property
    def rules(self) -> Mapping[str, Any]: ...

    def running(self, size: str) -> tuple[Component, ...]: ...


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    object: str  # "Deployment/sentry-web"; "values" or "chart" where no object is meant
    container: str | None
    store: str | None  # "kafka", where one is concerned
    found: str
    why: str  # the rule's sentence
    fix: str
    warns: bool = False  # a guess: shown, and nothing is stopped for it

    @property
    def place(self) -> str:
        return f"{self.object} container {self.container}" if self.container else self.object


@dataclass(frozen=True, slots=True)
class Seen:
    """What a test reports: the place, and in a few words what is there. Several containers give a finding each."""

    found: str
    container: Container | tuple[Container, ...] | None = None
    object: str = ""
    store: str | None = None
    fix: str = ""  # where the fix depends on what was found

    @property
    def containers(self) -> tuple[Container | None, ...]:
        return self.container if isinstance(self.container, tuple) else (self.container,)


@dataclass(frozen=True)
class Release:
    """Wired manifests with everything that the rules ask about them. `applied` is what is in the namespace before Helm comes."""

    documents: tuple[Document, ...]
    profile: ChartLine
    applied: tuple[Document, ...] = ()
    values: Mapping[str, Any] | None = None
    chart_defaults: Mapping[str, Any] | None = None
    known_secrets: tuple[Secret, ...] = ()
    torn_down: frozenset[str] = frozenset()
    addresses: Mapping[str, Collection[tuple[str, int]]] = field(default_factory=dict)
    executed: tuple[Executed, ...] = ()
    topics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # that kit makes: name → settings; empty: not known
    wiring: Wiring | None = None  # what the transformer did; None: not known
    partitions: Mapping[str, int] = field(default_factory=dict)  # topic → how many it has; empty: not known
    postgres_connections: int | None = None  # that Sentry's user may hold; None: not known
    size: str = ""  # which of the profile's components should run; empty: not known, or a stand-in that runs a few

    @cached_property
    def files(self) -> Files:
        return Files.of(self.documents, self.applied)

    @cached_property
    def services(self) -> frozenset[str]:
        """Names by which Sentry's own pods reach each other, over plain HTTP."""
        return frozenset({*of_kind(self.documents, "Service"), "localhost", "0.0.0.0", "127.0.0.1"})

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        return tuple(container for document in self.documents for container in containers(document))


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    sentence: str
    fix: str
    test: Callable[[Release], Iterator[Seen]]
    warns: bool = False  # its evidence is a guess (a text that names something): it never stops an installation


def name_of(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"
