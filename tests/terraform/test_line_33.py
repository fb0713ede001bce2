"""The line `current` on the shape of its chart (tests/charts/line-33): nothing to find in either size, mistakes that are found.

The real chart is rendered where KIT_CHART_DIR names it (test_chart_lines.py); here its shape is, in every run.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.sentry.chart import hooks
from kit.sentry.chart.manifests import Container, containers, of_kind
from kit.sentry.chart.scale import SCALED, budgets, scales
from kit.sentry.check.check import Inspection
from kit.sentry.check.keys import known_keys
from kit.sentry.check.pods import Files, environment, file_at, volume_at
from kit.sentry.check.rules_profile import quantity
from kit.sentry.check.rules_release import unknown
from kit.sentry.lines import profiles
from kit.sentry.objects import Document
from tests.support import chart_lines
from tests.support.chart_lines import LINE_33, SIZES, Measured

PROFILE = profiles.load("current")
PROFILE_FILE: dict[str, Any] = yaml.safe_load((chart_lines.ROOT / profiles.FOLDER / "current.yaml").read_text())
MISTAKES: list[dict[str, Any]] = yaml.safe_load((chart_lines.ROOT / "tests" / "manifests" / "line-33-mistakes.yaml").read_text())

# As the chart's README has them: objects, containers, of them init, hooks.
COUNTS = {"errors-only": (48, 33, 2, 5), "full": (77, 60, 2, 5)}
HOOKS = {"db-check": -1, "snuba-db-init": 3, "snuba-migrate": 5, "db-init": 6, "user-create": 9}
# The profile names no key for its requests; the wiring gives it some.
UNNAMED = {"sentry-symbolicator-cleaner"}


@cache
def measured(size: str) -> Measured:
    return chart_lines.measured(LINE_33, size)


def found_in(looked: Inspection) -> list[str]:
    return [f"{each.rule} {each.place}: {each.found}" for each in looked.findings]


def all_containers(documents: tuple[Document, ...]) -> list[Container]:
    return [container for document in documents for container in containers(document)]


# ── what kit makes of it


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_found_in_the_line_s_own_values(size: str) -> None:
    assert found_in(measured(size).looked) == []


@pytest.mark.parametrize("size", SIZES)
def test_what_is_looked_at_is_a_whole_release(size: str) -> None:
    looked = measured(size).looked
    assert (looked.objects, looked.containers, looked.init_containers, looked.hooks) == COUNTS[size]
    assert looked.configurations >= 11  # Sentry, Snuba, Relay, four taskbrokers, and the variables that differ
    assert looked.connections >= 38


@pytest.mark.parametrize("size", SIZES)
def test_without_the_transformer_each_container_lacks_something(size: str) -> None:
    unwired = measured(size).unwired
    assert {each.place for each in unwired.findings if each.rule == "CA-MOUNTED"} >= {
        f"{each.kind}/{each.object} container {each.name}" for each in all_containers(measured(size).rendered)
    }
    assert len(unwired.stopping) > 4 * unwired.containers


@pytest.mark.parametrize("size", SIZES)
def test_every_component_has_its_requests_from_the_profile(size: str) -> None:
    """Held before the transformer, which gives some to whatever has none."""
    without = {each.container for each in measured(size).unwired.findings if each.rule == "REQUESTS-SET"}
    assert without == (UNNAMED if size == "full" else set())


@pytest.mark.parametrize("size", SIZES)
def test_hooks_are_jobs_in_the_order_of_their_weights(size: str) -> None:
    made = [document for document in measured(size).rendered if hooks.is_hook(document)]
    assert {document["kind"] for document in made} == {"Job"}
    assert {document["metadata"]["name"].removeprefix("sentry-"): hooks.weight(document) for document in made} == HOOKS


@pytest.mark.parametrize("size", SIZES)
def test_the_images_are_those_of_one_release(size: str) -> None:
    upstream = {each.image for each in all_containers(measured(size).rendered) if "getsentry/" in each.image}
    kinds = {"sentry", "snuba", "relay", "taskbroker", *({"vroom", "symbolicator"} if size == "full" else ())}
    assert upstream == {f"ghcr.io/getsentry/{kind}:{PROFILE.app_version}" for kind in kinds}


# ── what the chart itself does with its keys, or no test above would say anything


def test_relay_and_the_rest_have_switches_of_their_own_for_being_hooks() -> None:
    def as_chart_has_it(given: dict[str, Any]) -> dict[str, Any]:
        del given["asHook"]
        return given

    looked = chart_lines.measured(LINE_33, "full", as_chart_has_it).looked
    assert looked.kinds["Deployment"] > 40
    # All but web, the scheduler, Snuba's API, symbolicator, memcached and Relay, and with the brokers' Services and files.
    assert looked.hooks == len(HOOKS) + looked.kinds["Deployment"] - 6 + 3 * looked.kinds["StatefulSet"]


def test_a_chart_hears_of_the_gateway_api_though_no_cluster_is_asked(tmp_path: Path) -> None:
    """As the Sentry chart asks for it before it makes its HTTPRoute: sentry.route.apiVersion of templates/_helper.tpl."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: asks\nversion: 1.0.0\n")
    asked = '{{ if .Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1" }}kind: HTTPRoute{{ end }}\n'
    (tmp_path / "templates" / "route.yaml").write_text(asked)
    assert "kind: HTTPRoute" in chart_lines.helm().template("sentry", tmp_path, "sentry", {})


def test_mirrored_images_are_wired_and_checked_alike() -> None:
    def mirrored(given: dict[str, Any]) -> dict[str, Any]:
        kinds = {"sentry": "sentry", "snuba": "snuba", "relay": "relay", "taskbroker": "taskbroker", "vroom": "vroom"}
        images = {key: {"repository": f"mirror.example.org/own/{kind}", "tag": "26.8.0"} for key, kind in kinds.items()}
        return {**given, "images": images}

    found = chart_lines.measured(LINE_33, "full", mirrored)
    assert sum("mirror.example.org" in each.image for each in all_containers(found.rendered)) > 50
    assert found_in(found.looked) == []
    assert found.looked.connections == measured("full").looked.connections


def test_keys_that_a_template_reads_through_a_variable_are_known() -> None:
    known = known_keys(LINE_33)
    assert list(unknown(chart_lines.our_values(PROFILE, "full"), known)) == []
    # Not because everything is taken for known.
    places = "nodestore.s3 filestore.profiles.s3 relay.configRender.image externalKafka.sasl mail sentry snuba relay hooks"
    for place in places.split():
        wrong: Any = {"no_such_key": 1}
        for key in reversed(place.split(".")):
            wrong = {key: wrong}
        assert [".".join(path) for path, _ in unknown(wrong, known)] == [f"{place}.no_such_key"]


@pytest.mark.parametrize("password", ["SECRET.kit-kafka.password", "with&and|and/and$x"])
def test_the_container_that_fills_relay_s_file_fills_it_as_the_rules_read_it(password: str, tmp_path: Path) -> None:
    found = measured("errors-only")
    relay, init = (
        next(each for each in all_containers(found.rendered) if each.name == name)
        for name in ("sentry-relay", "sentry-relay-config-render")
    )
    files = Files.of(found.rendered, chart_lines.applied())
    read = file_at(relay, "/work/.relay/config.yml", files)
    assert read is not None
    assert "${" not in read
    script = init.spec["command"][-1]
    for name in ("config-template", "rendered-config"):
        (tmp_path / name).mkdir()
        script = script.replace(f"/{name}", str(tmp_path / name))
        assert volume_at(init, f"/{name}/config.yml")[1] == "config.yml"
    maps = of_kind(found.rendered, "ConfigMap")
    (tmp_path / "config-template" / "config.yml").write_text(maps["sentry-relay"]["data"]["config.yml"])
    env = {**environment(init, files), "PATH": os.environ["PATH"], "KAFKA_SASL_PASSWORD": password}
    subprocess.run(["sh", "-c", script], env=env, check=True)
    filled = (tmp_path / "rendered-config" / "config.yml").read_text()
    assert filled == read.replace("SECRET.kit-kafka.password", password)


# ── mistakes


def changed(given: dict[str, Any], mistake: Mapping[str, Any]) -> dict[str, Any]:
    for place in mistake.get("without", ()):
        *path, last = place.split(".")
        del _at(given, path)[last]
    if "in" in mistake:
        *path, last = mistake["in"].split(".")
        node = _at(given, path)
        for old, new in mistake["replace"].items():
            assert old in node[last], f"{old!r} is not in {mistake['in']}"
            node[last] = node[last].replace(old, new)
    laid: dict[str, Any] = _laid_over(given, mistake.get("values", {}))
    return laid


def _at(node: Any, path: list[str]) -> Any:
    for key in path:
        node = node[key]
    return node


def _laid_over(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return deepcopy(over)
    return {**under, **{key: _laid_over(under.get(key), value) for key, value in over.items()}}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["mistake"])
def test_a_mistake_is_found(mistake: Mapping[str, Any]) -> None:
    looked = chart_lines.measured(LINE_33, "full", lambda given: changed(given, mistake), mistake.get("unmade", ())).looked
    here = [each for each in looked.findings if each.rule == mistake["rule"] and each.object == mistake["object"]]
    assert [each for each in here if mistake["found"] in each.found], found_in(looked)
    assert {each.store for each in here} == {mistake.get("store")}
    assert {each.warns for each in here} == {mistake.get("warns", False)}
    assert all(each.why and each.fix for each in here)


# ── availability ha


@cache
def available(size: str) -> Measured:
    return chart_lines.measured(LINE_33, size, availability="ha")


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_found_in_the_line_s_values_with_several_pods(size: str) -> None:
    assert found_in(available(size).looked) == []


@pytest.mark.parametrize("size", SIZES)
def test_what_availability_ha_names_has_so_many_pods_and_the_rest_has_one(size: str) -> None:
    wanted = PROFILE_FILE["availability"]["components"]
    running = {component.key for component in PROFILE.running(size)}
    made = {name: scale.least for (_, name), scale in scales(available(size).rendered).items()}
    assert (
        sum(number > 1 for number in made.values()) == sum(key in running for key in wanted) + 6
    )  # four brokers and four workers
    assert (made["sentry-relay"], made["sentry-web"], made["sentry-snuba-api"], made["sentry-taskbroker-ingest"]) == (3, 3, 2, 2)
    assert (made["sentry-taskscheduler"], made["sentry-snuba-replacer"]) == (1, 1)


@pytest.mark.parametrize("size", SIZES)
def test_several_pods_of_one_component_go_to_different_zones_and_those_with_disks_must(size: str) -> None:
    several = [each for each in available(size).rendered if each["kind"] in SCALED and each["spec"].get("replicas", 0) > 1]
    assert several
    for each in several:
        zone, node = each["spec"]["template"]["spec"]["topologySpreadConstraints"]
        has_disk = each["kind"] == "StatefulSet"
        assert zone["whenUnsatisfiable"] == ("DoNotSchedule" if has_disk else "ScheduleAnyway")
        assert (zone["topologyKey"], node["topologyKey"]) == ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert zone["labelSelector"]["matchLabels"].items() <= labels.items()
        assert set(zone["matchLabelKeys"]) <= set(labels)


@pytest.mark.parametrize("size", SIZES)
def test_each_of_them_may_lose_one_pod_at_a_time_and_none_that_is_alone_holds_up_a_drain(size: str) -> None:
    rendered = available(size).rendered
    made = {each["metadata"]["name"]: each for each in budgets(rendered)}
    assert set(made) == {name for (_, name), scale in scales(rendered).items() if scale.least > 1}
    assert {each["spec"]["maxUnavailable"] for each in made.values()} == {1}
    assert budgets((*rendered, *made.values())) == ()


def test_all_of_it_has_room_on_two_of_the_three_nodes_of_size_ha() -> None:
    """By what the pods request; a node keeps a tenth of its cores and a quarter of its memory for itself (assumed)."""
    nodes = yaml.safe_load((chart_lines.ROOT / "terraform" / "sizes.yaml").read_text())["ha"]["nodes"]
    pods = scales(available("full").rendered)
    asked = dict.fromkeys(("cpu", "memory"), 0.0)
    for each in all_containers(available("full").rendered):
        if each.role == "main" and (each.kind, each.object) in pods:
            requests = (each.spec.get("resources") or {}).get("requests") or {}
            asked = {
                what: sum_ + pods[each.kind, each.object].least * quantity(requests.get(what, 0)) for what, sum_ in asked.items()
            }
    assert asked["cpu"] < 2 * nodes["cores"] * 0.9
    assert asked["memory"] < 2 * nodes["memory"] * 2**30 * 0.75


def test_brokers_and_workers_are_the_chart_s_own_but_for_their_numbers() -> None:
    """Helm replaces lists whole, so the profile has them whole."""
    usual = yaml.safe_load((LINE_33 / "values.yaml").read_text())["sentry"]
    given = PROFILE_FILE["availability"]["components"]

    def without_numbers(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{key: value for key, value in each.items() if key not in ("replicas", "brokerReplicas")} for each in entries]

    brokers, workers = given["sentry.taskBroker"]["values"]["brokers"], given["sentry.taskWorker"]["values"]["workers"]
    assert without_numbers(brokers) == without_numbers(usual["taskBroker"]["brokers"])
    assert without_numbers(workers) == without_numbers(usual["taskWorker"]["workers"])
    number = given["sentry.taskBroker"]["replicas"]
    assert {each["replicas"] for each in brokers} == {each["brokerReplicas"] for each in workers} == {number}


def test_what_the_profile_says_of_partitions_and_connections_is_enough_and_no_more_than_size_ha_has() -> None:
    said = PROFILE_FILE["availability"]
    ha = yaml.safe_load((chart_lines.ROOT / "terraform" / "sizes.yaml").read_text())["ha"]
    assert max(max(each["replicas"], each.get("autoscale", 0)) for each in consumers(said["components"])) <= said["partitions"]
    assert said["partitions"] <= ha["kafka"]["partitions"]

    def too_many(given: dict[str, Any]) -> dict[str, Any]:
        given["sentry"]["web"]["replicas"] = said["components"]["sentry.web"]["autoscale"] + 100
        return given

    (found,) = chart_lines.measured(LINE_33, "full", too_many, availability="ha").looked.stopping
    counted = int(found.found.partition(" ")[0]) - 100 * 12
    assert counted <= said["postgres_connections"] <= ha["postgres"]["max_connections"] * 3 // 4


def consumers(components: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    beside = ("relay", "sentry.web", "snuba.api", "vroom", "symbolicator", "sentry.taskWorker")
    return [each for key, each in components.items() if key not in beside]


AVAILABILITY_MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str]] = {
    "more consumers than partitions": (
        lambda given: given["sentry"]["ingestConsumerEvents"].update(replicas=4),
        "REPLICAS-CONSUME",
        "4 pods consume ingest-events, of 3 partitions",
    ),
    "more connections than Postgres has": (
        lambda given: given["sentry"]["web"].update(replicas=24),
        "PG-CONNECTIONS",
        "of 300: sentry-web 288",
    ),
    "brokers that no worker asks": (
        lambda given: given["sentry"]["taskBroker"]["brokers"][1].update(replicas=3),
        "BROKERS-ASKED",
        "asks 2 of the 3 pods of sentry-taskbroker-ingest",
    ),
    "brokers that may all be made in one zone": (
        lambda given: given["sentry"]["taskBroker"]["topologySpreadConstraints"][0].update(whenUnsatisfiable="ScheduleAnyway"),
        "SPREAD-BY-ZONE",
        "2 pods with a disk each",
    ),
    "several pods anywhere": (
        lambda given: given["relay"].pop("topologySpreadConstraints"),
        "SPREAD-BY-ZONE",
        "3 pods, and nothing keeps them out of one zone",
    ),
    "a roll-out that takes all away": (
        lambda given: given["sentry"]["ingestConsumerEvents"].update(strategyType="Recreate"),
        "ROLL-KEEPS-ONE",
        "strategy Recreate takes all of them away first",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", AVAILABILITY_MISTAKES)
def test_a_mistake_with_several_pods_is_found(mistake: str) -> None:
    spoil, rule, said = AVAILABILITY_MISTAKES[mistake]

    def changed(given: dict[str, Any]) -> dict[str, Any]:
        spoil(given)
        return given

    looked = chart_lines.measured(LINE_33, "full", changed, availability="ha").looked
    assert {each.rule for each in looked.findings} == {rule}
    assert any(said in each.found for each in looked.findings), found_in(looked)
