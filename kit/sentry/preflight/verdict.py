"""The preflight's findings per component and store: as text, as JSON, and kept in a ConfigMap.

Pure. The causes' sentences and remedies are data (`causes.yaml`); what only shows when components are held against each other,
like two numbers for one Redis, is found here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from kit import yaml_file

FILE = Path(__file__).with_name("causes.yaml")
NOTE = "note"  # said beside a connection that works
FINE = ("", NOTE)


@dataclass(frozen=True, slots=True)
class Probe:
    """One component at one store, by one client. `cause` is a key of causes.yaml, "" or "note" where all is as it must be."""

    component: str  # "sentry-web"; stands for its members
    members: tuple[str, ...]
    store: str  # "kafka"; "" where the component itself is what is wrong
    client: str
    use: str  # the setting it comes from
    address: str
    tls: str
    latency_ms: float | None
    cause: str
    said: str
    foreign: str  # what came of the attempt with a foreign authority: "refused: …"
    options: Mapping[str, Any]
    nodes: tuple[str, ...] = ()  # where it came out so; none where it did on every node

    @property
    def holds(self) -> bool:
        return self.cause in FINE

    @property
    def what(self) -> str:
        return "" if self.holds else causes()[self.cause]["what"]

    @property
    def fix(self) -> str:
        if self.holds:
            return ""
        words = {"component": self.component, "use": self.use or "it", "store": self.store, "address": self.address}
        return causes()[self.cause]["fix"].format(**words)

    @property
    def words(self) -> str:
        return f"{self.place}: {self.what}: {self.said}" if not self.holds else f"{self.place}: {self.said}"

    @property
    def place(self) -> str:
        place = f"{self.component} → {self.store}" if self.store else self.component
        return place + (f" on {', '.join(self.nodes)}" if self.nodes else "")


@dataclass(frozen=True, slots=True)
class Preflight:
    fingerprint: str  # of what it was run with
    finished_at: datetime
    seconds: float
    probes: tuple[Probe, ...]
    nodes: tuple[str, ...] = ()  # on which it was run, where there are several
    of_nodes: int = 1  # that take Sentry's pods

    @property
    def passed(self) -> bool:
        return bool(self.probes) and all(probe.holds for probe in self.probes)

    @property
    def wrong(self) -> tuple[Probe, ...]:
        return tuple(probe for probe in self.probes if not probe.holds)


@cache
def causes() -> Mapping[str, Mapping[str, str]]:
    document = yaml_file.read(FILE)
    return {name: document.to(dict[str, str], (name,)) for name in document.data}


def broken(component: str, members: Sequence[str], cause: str, said: str) -> Probe:
    """A component that did not come as far as a store."""
    return Probe(component, tuple(members), "", "", "", "", "", None, cause, said, "", {})


def from_log(component: str, members: Sequence[str], log: str) -> tuple[Probe, ...]:
    """What the driver printed in that component's place; its last line is JSON."""
    try:
        document = json.loads(log.strip().splitlines()[-1])
        if document["error"]:
            return (broken(component, members, "settings", document["error"]),)
        return tuple(_probe(component, members, each) for each in document["connections"])
    except (IndexError, ValueError, KeyError, TypeError):
        said = log.strip().splitlines()[-1][:200] if log.strip() else "it said nothing"
        return (broken(component, members, "not-started", f"the driver came to no result: {said}"),)


def _probe(component: str, members: Sequence[str], fields: Mapping[str, Any]) -> Probe:
    return Probe(
        component=component,
        members=tuple(members),
        store=fields["store"],
        client=fields["client"],
        use=fields["use"],
        address=",".join(f"{host}:{port}" for host, port in fields["addresses"]),
        tls=fields["tls"],
        latency_ms=fields["latency_ms"],
        cause=fields["cause"] if fields["cause"] in (*FINE, *causes()) else "client",
        said=fields["said"],
        foreign=fields["foreign"],
        options=fields["options"],
    )


def joined(found: Mapping[str, Sequence[Probe]]) -> tuple[Probe, ...]:
    """Node → what was found there, as one: what came out alike on every node is said once, the rest with the nodes' names."""
    if len(found) == 1:
        return tuple(*found.values())
    alike: dict[tuple[str, ...], list[tuple[str, Probe]]] = {}
    for node, probes in found.items():
        for probe in probes:
            alike.setdefault((probe.component, probe.store, probe.client, probe.use, probe.cause), []).append((node, probe))
    made = []
    for same in alike.values():
        on = tuple(dict.fromkeys(node for node, _ in same))
        made.append(same[0][1] if len(on) == len(found) else replace(same[0][1], nodes=on))
    return tuple(made)


def with_cross_checks(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """With what only the comparison of components shows: one Redis, one database number, and it is Sentry's."""
    given = tuple(probes)
    numbers = {
        probe.address: probe for probe in reversed(given) if probe.store == "redis" and probe.use.startswith("redis.clusters")
    }
    return tuple(_compared(probe, numbers.get(probe.address)) for probe in given)


def _compared(probe: Probe, sentry: Probe | None) -> Probe:
    if sentry is None or probe.store != "redis" or not probe.holds or probe.options.get("db") == sentry.options.get("db"):
        return probe
    said = f"{probe.use} says database {probe.options.get('db')}, {sentry.component} uses {sentry.options.get('db')}"
    return replace(probe, cause="redis-db", said=said)


# ── shown and kept ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def kept(result: Preflight) -> dict[str, str]:
    """The data of the ConfigMap."""
    probes = [asdict(probe) for probe in result.probes]
    return {
        "fingerprint": result.fingerprint,
        "finished_at": result.finished_at.isoformat(),
        "seconds": str(result.seconds),
        "nodes": json.dumps([*result.nodes]),
        "of_nodes": str(result.of_nodes),
        "results": json.dumps(probes, sort_keys=True),
    }


def from_kept(data: Mapping[str, str]) -> Preflight | None:
    """None also for what cannot be read: then it is as if it had never run."""
    try:
        probes = tuple(
            Probe(**{**fields, "members": tuple(fields["members"]), "nodes": tuple(fields.get("nodes", ()))})
            for fields in json.loads(data["results"])
        )
        finished_at, seconds = datetime.fromisoformat(data["finished_at"]), float(data["seconds"])
        nodes, of_nodes = tuple(json.loads(data.get("nodes", "[]"))), int(data.get("of_nodes", 1))
        return Preflight(data["fingerprint"], finished_at, seconds, probes, nodes, of_nodes)
    except (KeyError, ValueError, TypeError):
        return None
