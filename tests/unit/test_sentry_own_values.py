"""The user's own values: merged last, as Helm merges, and settings after the module's instead of in their place."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from kit.blueprint import file
from kit.blueprint.stack import OwnValues, SentryWanted, Stack
from kit.sentry.chart import own_values, values
from kit.sentry.chart.own_values import OwnValuesUnfit, merged
from kit.sentry.check.check import Inspection
from kit.sentry.check.located import located as located_in
from kit.sentry.check.rule import Finding
from kit.sentry.installation import Installation
from kit.sentry.site import ModuleValues

FIXTURE = Path(__file__).parents[1] / "charts" / "sentry"
GIVEN = {
    "asHook": False,
    "profiles": ["errors-only"],
    "sentry": {"web": {"resources": {"requests": {"cpu": "100m", "memory": "700Mi"}}}, "cleanup": {"days": 90}},
    "config": {"sentryConfPy": "TLS = True\n", "snubaSettingsPy": "CLUSTERS = [1]\n"},
}


def own(text: str) -> OwnValues:
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return file.parse(f"sentry:\n  values:\n{indented}", "kit.yaml").sentry.values


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("sentry: {web: {replicas: 3}}", "sentry.web", {"replicas": 3, **GIVEN["sentry"]["web"]}),  # type: ignore[dict-item]
        (
            "sentry: {web: {resources: {requests: {memory: 1Gi}}}}",
            "sentry.web.resources.requests",
            {"cpu": "100m", "memory": "1Gi"},
        ),
        ("profiles: [feature-complete]", "profiles", ["feature-complete"]),
        ("profiles: []", "profiles", []),
        ("asHook: true", "asHook", True),
        ("sentry: {cleanup: null}", "sentry", {**GIVEN["sentry"], "cleanup": None}),  # type: ignore[dict-item]
        ("memcached: null", "memcached", None),
        ("slack: {existingSecret: mine}", "slack", {"existingSecret": "mine"}),
        ("{}", "sentry", GIVEN["sentry"]),
    ],
)
def test_maps_are_merged_lists_and_words_replace_and_null_stays_for_helm_to_take_away(text: str, path: str, value: Any) -> None:
    found: Any = merged(GIVEN, own(text))
    for part in path.split("."):
        found = found[part]
    assert found == value


def test_what_is_not_the_users_stays_as_it_is() -> None:
    before = json.dumps(GIVEN)
    found = merged(GIVEN, own("sentry: {web: {replicas: 3}}\nconfig: {sentryConfPy: 'X = 1'}"))
    found["sentry"]["cleanup"]["days"] = 1
    assert json.dumps(GIVEN) == before


def test_settings_are_added_after_the_modules_own() -> None:
    text = "config:\n  sentryConfPy: |\n    MINE = TLS\n  snubaSettingsPy: CLUSTERS.append(2)\n"
    text += "  relay: |\n    limits: {max_concurrent_requests: 9}"
    config = merged(GIVEN, own(text))["config"]
    names: dict[str, Any] = {}
    exec(config["sentryConfPy"], names)
    assert (names["TLS"], names["MINE"]) == (True, True)
    exec(config["snubaSettingsPy"], names)
    assert names["CLUSTERS"] == [1, 2]
    assert config["relay"] == "limits: {max_concurrent_requests: 9}\n"
    assert own_values.BELOW in config["sentryConfPy"]
    # Once more over what a file of the module's would say of Relay.
    both = merged({"config": {"relay": "a: 1\n"}}, own("config: {relay: 'b: 2'}"))["config"]["relay"]
    assert yaml.safe_load(both) == {"a": 1, "b": 2}


def test_settings_do_not_depend_on_the_line_they_stand_in() -> None:
    one, two = (own(f"{above}config: {{sentryConfPy: 'X = 1'}}") for above in ("", "# a comment\n"))
    assert one.places != two.places
    assert merged(GIVEN, one) == merged(GIVEN, two)


def test_settings_of_nothing_add_nothing() -> None:
    assert merged(GIVEN, own("config: {sentryConfPy: ' '}")) == GIVEN


def test_config_yml_is_a_map_and_merged() -> None:
    found = merged({"config": {"configYml": {"a.b": 1}}}, own("config: {configYml: {system.logging-format: machine}}"))
    assert found["config"]["configYml"] == {"a.b": 1, "system.logging-format": "machine"}


@pytest.mark.parametrize(
    ("text", "line", "found", "right"),
    [
        ("sentry:\n  web: [a]", 4, "a list", "a map"),
        ("sentry: on-premise", 3, "a single word", "a map"),
        ("config:\n\n  configYml: 'a: 1'", 5, "a single word", "a map"),
        ("profiles: feature-complete", 3, "a single word", "a list"),
        ("asHook: {a: 1}", 3, "a map", "a single word"),
        ("config: {sentryConfPy: [a]}", 3, "a list", "a single word"),
    ],
)
def test_another_shape_than_the_modules_is_refused_with_its_line(text: str, line: int, found: str, right: str) -> None:
    with pytest.raises(OwnValuesUnfit) as refused:
        merged(GIVEN, own(text))
    error = refused.value
    assert (error.code, error.exit_code) == ("KIT-VALUES-OWN", 10)
    assert error.what.startswith(f"kit.yaml:{line} makes ")
    assert error.what.endswith(found)
    assert right in error.why
    assert right in error.fix


# -- shown


def test_merged_values_are_shown_with_a_mark_at_what_is_the_users() -> None:
    mine = own(
        "asHook: true\nmemcached: null\nempty: {}\nsentry:\n  web:\n    replicas: 3\n    hosts: [a, b]\n  note: 'one\n    two'\n"
        "config:\n  sentryConfPy: |\n    X = 1\n    Y = 2\n  more: text: with colon".replace(
            "text: with colon", "'text: with colon'"
        )
    )
    found = merged(GIVEN, mine)
    said = own_values.shown(values.text(found), mine)
    assert yaml.safe_load(said) == found
    marked = {
        line.partition(own_values.MARK)[0].strip(): line.partition(own_values.MARK)[2]
        for line in said.splitlines()
        if "kit.yaml:" in line
    }
    assert marked["asHook: true"] == "kit.yaml:3"
    assert marked["memcached: null"] == "kit.yaml:4, taken away"
    assert marked["empty: {}"] == "kit.yaml:5"
    assert marked["replicas: 3"] == "kit.yaml:8"
    assert marked["hosts:"] == "kit.yaml:9"
    assert marked["sentryConfPy: |"] == "kit.yaml:13"
    assert len(marked) == 8
    assert "days: 90\n" in said, "what is the module's is not marked"


def test_marks_survive_words_of_any_length_and_kind() -> None:
    words = ["x " * 4000, "a\nb", "#", "'", '"', "\t", " lead", "é" * 3000, ": ", "- a", "true", "1.30", "a\n\nb\n\n"]
    mine = OwnValues(
        json.dumps({f"k{n}": word for n, word in enumerate(words)}), {(f"k{n}",): f"kit.yaml:{n}" for n in range(len(words))}
    )
    found = merged({}, mine)
    said = own_values.shown(values.text(found), mine)
    assert yaml.safe_load(said) == found
    assert said.count("kit.yaml:") == len(words)


# -- on the road of an installation


@dataclasses.dataclass
class Flavour:
    section: Mapping[str, Any]
    is_stand_in: bool = True

    def values(self, given: Mapping[str, Any], secrets: Mapping[str, str]) -> Mapping[str, Any]:
        return {**given, **self.section}

    def made_from(self) -> Mapping[str, str]:
        return {}


def installation(mine: OwnValues, section: Mapping[str, Any] | None = None, chart: Path = FIXTURE) -> Installation:
    site: Any = SimpleNamespace(
        values=lambda version: ModuleValues("1", lambda: yaml.safe_dump(GIVEN)),
        profile=lambda: SimpleNamespace(name="p", wiring={}),
        stack=Stack(sentry=SentryWanted(values=mine)),
    )
    made = Installation(site, Flavour(section or {}))  # type: ignore[arg-type]
    made.__dict__.update(chart=SimpleNamespace(name="sentry", version="1", digest="d", path=chart), credentials=())
    return made


def test_an_installation_has_them_last() -> None:
    made = installation(own("lite: {web: {threads: 8}}"), {"lite": {"web": {"threads": 4, "workers": 2}}})
    assert made.values["lite"] == {"web": {"threads": 8, "workers": 2}}


def test_a_word_where_the_chart_has_a_map_is_refused_before_helm_runs() -> None:
    with pytest.raises(OwnValuesUnfit) as refused:
        _ = installation(own("fixture: whole\nmemcached: {a: 1}")).values
    assert refused.value.what == "kit.yaml:3 makes fixture a single word"
    assert installation(own("fixture: null")).values["fixture"] is None
    assert installation(own("fixture: {tag: '1'}\nmail: [1]")).values["fixture"] == {"tag": "1"}, (
        "of an empty map nothing is known"
    )


def test_changed_values_are_another_release_and_moved_ones_are_not() -> None:
    one, same, other = (installation(own(text)).fingerprint for text in ("a: 1", "\n\na: 1", "a: 2"))
    assert one == same
    assert len({one, other, installation(OwnValues()).fingerprint}) == 3


def test_a_finding_about_a_key_of_the_users_says_its_line() -> None:
    def finding(found: str, where: str = "values") -> Finding:
        return Finding("VALUES-KNOWN", where, None, None, found, "why", "fix")

    given = ("sentry.wbe is read by nothing", "sentry.wbe.x: holds a secret", "sentry is read by nothing", "mail.host is read")
    looked = Inspection(tuple(map(finding, given)), 0, 0, 0, 0, {}, 0, 0)
    located = located_in(looked, own("sentry:\n  wbe: {x: 1}"))
    assert [each.found for each in located.findings] == [
        "sentry.wbe is read by nothing (kit.yaml:4)",
        "sentry.wbe.x: holds a secret (kit.yaml:4)",
        "sentry is read by nothing (kit.yaml:3)",
        "mail.host is read",
    ]
