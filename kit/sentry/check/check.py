"""Holds a release against every rule. Pure but for the one sandbox that executes the settings.

wired = wire(rendered, wiring)
applied = (*credentials, *stand_ins(rendered, wiring, credentials))
findings = check(wired, profile, applied=applied, values=values, chart_defaults=known_keys(chart.path), known_secrets=…)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kit.adapters.kubernetes import api as kube
from kit.endpoints import Secret
from kit.sentry.chart.manifests import HOOK, Container, of_kind
from kit.sentry.chart.wiring import Key, Wiring, filled_files
from kit.sentry.check import (
    rules_availability,
    rules_connections,
    rules_mail,
    rules_network,
    rules_pods,
    rules_policies,
    rules_profile,
    rules_programs,
    rules_release,
    rules_text,
    rules_topics,
)
from kit.sentry.check.executed import execute_all
from kit.sentry.check.pods import IN_CLEAR, placeholder, secret_data
from kit.sentry.check.rule import ChartLine, Finding, Release, Rule, Seen
from kit.sentry.check.sandbox import Sandbox
from kit.sentry.limits import UNKNOWN, Limits
from kit.sentry.objects import Document

RULES: tuple[Rule, ...] = (
    *rules_pods.RULES,
    *rules_text.RULES,
    *rules_connections.RULES,
    *rules_mail.RULES,
    *rules_network.RULES,
    *rules_policies.RULES,
    *rules_topics.RULES,
    *rules_programs.RULES,
    *rules_profile.RULES,
    *rules_release.RULES,
    *rules_availability.RULES,
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was looked at, and what was found."""

    findings: tuple[Finding, ...]
    objects: int
    containers: int
    init_containers: int
    hooks: int
    kinds: Mapping[str, int]
    configurations: int  # distinct ones that were executed
    connections: int
    notes: tuple[str, ...] = ()  # what whoever reads the findings should know, and nothing was found against

    @property
    def stopping(self) -> tuple[Finding, ...]:
        """The findings that an installation is refused for."""
        return tuple(finding for finding in self.findings if not finding.warns)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.warns)

    @property
    def outcome(self) -> str:
        """For the one line of a step that found nothing to stop for."""
        number = len(self.warnings)
        warned = f"nothing that stops it, {number} warning{'' if number == 1 else 's'} (kit values check)"
        checked = f"{self.containers} containers, {self.connections} executed connections"
        return "; ".join((f"{checked}: {warned if number else 'nothing to mend'}", *self.notes))


def inspect(
    documents: Iterable[Document],
    profile: ChartLine,
    values: Mapping[str, Any] | None = None,
    chart_defaults: Mapping[str, Any] | None = None,
    known_secrets: Iterable[Secret] = (),
    applied: Iterable[Document] = (),
    addresses: Mapping[str, Collection[tuple[str, int]]] | None = None,
    topics: Mapping[str, Mapping[str, str]] | None = None,
    wiring: Wiring | None = None,
    size: str = "",
    torn_down: Collection[str] = frozenset(kube.KINDS),
    sandboxes: Sequence[Sandbox] = (),
    limits: Limits = UNKNOWN,
) -> Inspection:
    """Wired manifests against all rules.

    `values` with `chart_defaults` (see `keys.known_keys`) tells keys that the chart does not read. `applied` are the objects that
    stand in the namespace before Helm comes; without them it is not checked whether a Secret exists. `addresses` are the stores'
    as pods reach them, store → {(host, port)}, ClickHouse's by protocol as well; `topics` those that kit makes, name → settings.
    `wiring` and `size` tell what of the profile met nothing in the release. `torn_down` are the kinds that kit's tear-down can
    delete. `limits` is what the stores have room for. `sandboxes` are where settings may be executed, in the order of preference.

    Raises `NoSandbox`, `SettingsUnrun`.
    """
    release = Release(
        documents=tuple(documents),
        profile=profile,
        applied=tuple(applied),
        values=values,
        chart_defaults=chart_defaults,
        known_secrets=tuple(known_secrets),
        torn_down=frozenset(torn_down),
        addresses=addresses or {},
        topics=topics or {},
        wiring=wiring,
        size=size,
        partitions=limits.partitions,
        postgres_connections=limits.postgres_connections,
    )
    release = replace(release, executed=execute_all(release.containers, release.files, sandboxes))
    findings = tuple(
        _finding(rule, seen, container, release) for rule in RULES for seen in rule.test(release) for container in seen.containers
    )
    return Inspection(
        findings=tuple(dict.fromkeys(findings)),
        objects=len(release.documents),
        containers=len(release.containers),
        init_containers=sum(container.role == "init" for container in release.containers),
        hooks=sum(HOOK in (document["metadata"].get("annotations") or {}) for document in release.documents),
        kinds=Counter(document["kind"] for document in release.documents),
        configurations=len(release.executed),
        connections=sum(len(executed.connections) for executed in release.executed),
    )


def stand_ins(rendered: Iterable[Document], wiring: Wiring, credentials: Iterable[Document]) -> tuple[Document, ...]:
    """The Secrets that hold filled settings files, filled with words that say which secret would stand there."""
    known = of_kind(credentials, "Secret")

    def reveal(key: Key) -> Secret:
        if key.key in IN_CLEAR and key.secret in known:
            return Secret(secret_data(known[key.secret])[key.key])
        return Secret(placeholder(key.secret, key.key))

    return filled_files(tuple(rendered), wiring, "", reveal)


def _finding(rule: Rule, seen: Seen, container: Container | None, release: Release) -> Finding:
    return Finding(
        rule=rule.id,
        object=f"{container.kind}/{container.object}" if container else seen.object,
        container=container.name if container else None,
        store=seen.store,
        found=_masked(seen.found, release),
        why=rule.sentence,
        fix=seen.fix or rule.fix,
        warns=rule.warns,
    )


def _masked(text: str, release: Release) -> str:
    for secret in release.known_secrets:
        if secret.reveal():
            text = text.replace(secret.reveal(), "***")
    return text
