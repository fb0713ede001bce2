"""Every rule holds on a good release, and is seen to fail on a mistake that was made on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.endpoints import (
    Bucket,
    ClickHouseEndpoint,
    Endpoints,
    KafkaEndpoint,
    PostgresEndpoint,
    RedisEndpoint,
    S3Endpoint,
    Secret,
)
from kit.sentry import network_policies
from kit.sentry.chart.manifests import dump, parse
from kit.sentry.chart.wiring import from_document, wire
from kit.sentry.check.check import RULES, Inspection, inspect, stand_ins
from kit.sentry.check.sandbox import PlainChild
from kit.sentry.limits import Limits
from kit.sentry.lines import profiles, topics
from kit.sentry.lines.profiles import Component, Profile

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "manifests"
MISTAKES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "mistakes.yaml").read_text())
RIGHT: list[dict[str, Any]] = yaml.safe_load((FOLDER / "right.yaml").read_text())
KNOWN = (Secret("hunter2-of-redis"),)
ADDRESSES = {
    "kafka": {("kafka", 9091)},
    "postgres": {("postgres", 6432)},
    "redis": {("redis", 6380)},
    "clickhouse": {("clickhouse", 8443), ("clickhouse", 9440)},
    "clickhouse native": {("clickhouse", 9440)},
    "clickhouse https": {("clickhouse", 8443)},
    "s3": {("s3", 9000)},
}
BUCKET = Bucket("b", "k", Secret("s"))
ENDPOINTS = Endpoints(
    KafkaEndpoint("kafka", 9091, "sentry", Secret("k")),
    PostgresEndpoint("postgres", 6432, "sentry", "sentry", Secret("p")),
    RedisEndpoint("redis", 6380, "default", Secret("r")),
    ClickHouseEndpoint("clickhouse", 8443, 9440, "sentry", "sentry", Secret("c")),
    S3Endpoint("s3", 9000, "us-east-1", BUCKET, BUCKET),
)


@dataclass(frozen=True)
class Line:
    name: str = "seed"
    chart_name: str = "sentry"
    chart_range: str = ">=26.14.0 <26.23.0"
    app_version: str = "25.2.0"
    rules: Mapping[str, Any] = field(default_factory=dict)
    maximum_clickhouse_hosts: int | None = None
    components: tuple[Component, ...] = (
        Component("sentry.web", "getsentry/sentry", (), ("full",), ""),
        Component("snuba.api", "getsentry/snuba", (), ("full",), ""),
        Component("relay", "getsentry/relay", (), ("full",), ""),
        Component("sentry.taskBroker", "getsentry/taskbroker", (), ("full",), ""),
        Component("vroom", "getsentry/vroom", (), ("full",), ""),
        Component("sentry.processSpans", "getsentry/sentry", (), ("full",), "26.18.0"),
    )

    def running(self, size: str) -> tuple[Component, ...]:
        return tuple(component for component in self.components if size in component.sizes)


def looked(mistake: Mapping[str, Any]) -> Inspection:
    """A good set with one mistake in it, wired and checked as a real release is."""
    names = ("release", "current", "wiring", "applied", "values", "topics")
    text = {name: (FOLDER / f"{name}.yaml").read_text() for name in names}
    changes = {mistake.get("in", "release"): mistake.get("replace", {}), **mistake.get("also", {})}
    for name, replacements in changes.items():
        text[name] = changed(text[name], replacements, f"{name}.yaml")
    if "add" in mistake:
        text["release"] += "\n---\n" + yaml.safe_dump(mistake["add"])
    is_current = mistake.get("in") == "current"
    rendered, applied = parse(text["current" if is_current else "release"]), parse(text["applied"])
    line = profiles.load("current") if is_current else Line(rules=mistake.get("rules", {}))
    wiring = from_document("test", line.wiring if isinstance(line, Profile) else yaml.safe_load(text["wiring"]))
    wired = rendered if mistake.get("unwired") else network_policies.labelled(wire(rendered, wiring))
    policies = network_policies.documents("kit", ENDPOINTS, mistake.get("mail_port", 587), rendered)
    if "policies" in mistake:
        policies = parse(changed(dump(policies), mistake["policies"], "the policies"))
    return inspect(
        wired,
        line,
        applied=(*applied, *policies, *stand_ins(rendered, wiring, applied)),
        known_secrets=KNOWN,
        addresses=ADDRESSES,
        topics={**made(line.name), **yaml.safe_load(text["topics"])},
        wiring=wiring,
        limits=Limits(**mistake.get("limits", {})),
        size="" if is_current else "full",  # current.yaml has a few of the line's components, and not all
        sandboxes=(PlainChild(),),
        **yaml.safe_load(text["values"]),
    )


def changed(text: str, replacements: Mapping[str, str], where: str) -> str:
    for old, new in replacements.items():
        assert old in text, f"{old!r} is not in {where}"
        text = text.replace(old, new)
    return text


def made(profile: str) -> dict[str, Mapping[str, str]]:
    """The topics of a line, name → settings."""
    return {topic.name: topic.settings for topic in topics.wanted(profiles.load(profile), ROOT, {})}


def test_a_good_release_has_no_findings() -> None:
    result = looked({})
    assert [f"{f.rule} {f.place}: {f.found}" for f in result.findings] == []
    # So that it is not good for want of anything to look at.
    assert (result.containers, result.init_containers, result.hooks) == (8, 1, 2)
    assert result.configurations == 5
    assert result.connections == 16


def test_a_good_release_of_chart_33_has_no_findings_with_its_profiles_wiring() -> None:
    result = looked({"in": "current"})
    assert [f"{f.rule} {f.place}: {f.found}" for f in result.findings] == []
    assert (result.containers, result.configurations, result.connections) == (5, 4, 14)


def test_a_profile_may_let_hooks_request_more() -> None:
    """Tried with the mistake of the list: what is too much for a small node is not for a line that says so."""
    mistake = next(each for each in MISTAKES if each["mistake"] == "a hook that requests more than a small node has left")
    assert not [f for f in looked({**mistake, "rules": {"hook_requests": {"cpu": "1"}}}).findings if f.rule == "HOOK-FITS"]


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right["right"])
def test_what_is_right_though_unusual_has_no_findings(right: Mapping[str, Any]) -> None:
    assert [f"{f.rule} {f.place}: {f.found}" for f in looked(right).findings] == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["mistake"])
def test_a_mistake_is_named_with_component_store_and_fix(mistake: Mapping[str, Any]) -> None:
    findings = looked(mistake).findings
    here = [f for f in findings if f.rule == mistake["rule"] and f.object == mistake["object"]]
    assert here, f"{mistake['rule']} at {mistake['object']} expected, found {[(f.rule, f.place) for f in findings]}"
    if "container" in mistake:
        here = [f for f in here if f.container == mistake["container"]]
    if "store" in mistake:
        here = [f for f in here if f.store == mistake["store"]]
    assert here
    assert all(f.found and f.why and f.fix for f in here)
    assert {f.warns for f in here} == {mistake.get("warns", False)}
    if "fix" in mistake:
        assert here[0].fix == mistake["fix"]


def test_every_rule_has_a_mistake_that_it_catches() -> None:
    assert {mistake["rule"] for mistake in MISTAKES} == {rule.id for rule in RULES}


def test_rules_have_ids_of_their_own_a_sentence_and_a_fix() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.sentence.endswith(".") and rule.fix for rule in RULES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["mistake"])
def test_no_finding_prints_a_secret(mistake: Mapping[str, Any]) -> None:
    for finding in looked(mistake).findings:
        assert "hunter2" not in str(finding)
        assert "unknown-to-kit" not in str(finding)
