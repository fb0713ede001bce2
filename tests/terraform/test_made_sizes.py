"""The sizes that are made for a load, and the variables of `kit capacity`, as Terraform takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.adapters.terraform.program import Terraform
from kit.blueprint.load import Load
from kit.capacity import choose, constants, need, sizes, tfvars
from kit.endpoints import Endpoints
from kit.sentry.chart import values
from kit.sentry.chart.values import ValuesRefused
from kit.sentry.limits import Limits
from kit.sentry.lines import profiles, topics
from tests.support import chart_lines
from tests.support.terraform import program
from tests.terraform.planning import TERRAFORM, Planned, Planner, planner
from tests.terraform.test_sentry_values import CLOUD, MODULE, PLACE

DOMAIN = "sentry.example.com"
KNOWN = constants.load()
SIZES = yaml.safe_load((TERRAFORM / "sizes.yaml").read_text())
TOPICS = {topic.name: topic for topic in topics.wanted(profiles.load("current"), chart_lines.ROOT, {})}


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planner]:
    with planner(tmp_path_factory.mktemp("made"), program()) as made:
        yield made


def partitions(planned: Planned) -> dict[str, int]:
    return {topic["name"]: topic["partitions"] for topic in planned.of_type("yandex_mdb_kafka_topic").values()}


def test_the_topics_of_a_made_size_have_their_own_partitions_unless_the_user_says_otherwise(plans: Planner) -> None:
    planned = partitions(plans({"domain": DOMAIN, "size": "large", "topic_partitions": {"events": 96}}))
    assert {name: planned[name] for name in SIZES["large"]["topic_partitions"]} == {
        **SIZES["large"]["topic_partitions"],
        "events": 96,
    }
    assert planned["snuba-dead-letter-items"] == 3
    assert planned["snuba-commit-log"] == 1, "the schemas prescribe it"


def test_a_line_without_a_topic_of_the_size_does_without_it(plans: Planner) -> None:
    planned = partitions(plans({"domain": DOMAIN, "size": "large", "profile": "seed"}))
    assert "snuba-items" not in planned or planned["snuba-items"] == SIZES["large"]["topic_partitions"]["snuba-items"]
    assert planned["ingest-events"] == 48


@pytest.mark.parametrize("load", [Load(120), Load(1000, transactions=200)])
def test_the_variables_that_kit_writes_plan_and_are_formatted(load: Load, plans: Planner) -> None:
    needed = need.of(load, 30, KNOWN)
    size = choose.size(needed, KNOWN)
    example = Path(plans.folder, "examples", "of-the-test.tfvars")
    example.write_text(tfvars.text(size, needed, "standard"))
    try:
        formatted = plans.terraform("fmt", "-check", "-diff", str(example))
        assert formatted.returncode == 0, formatted.stdout
        planned = plans({"domain": DOMAIN}, example.name)
    finally:
        example.unlink()
    assert planned.warnings == ()
    services = planned.output("cost_inputs")["services"]
    assert services["clickhouse"]["disk_gb"] == size["clickhouse"]["disk_size"]
    assert services["kafka"]["disk_gb"] == 3 * size["kafka"]["disk_size"]
    assert partitions(planned)["ingest-events"] == needed.partitions["ingest-events"]


def applied(*, endpoints: Endpoints = CLOUD, **variables: Any) -> dict[str, Any]:
    """The chart's values."""
    inputs = {**values.inputs(endpoints, profiles.load("current"), "full", PLACE), "availability": "ha", **variables}
    return values.parse(values.written(Terraform(program()), MODULE, inputs))


def test_the_components_that_carry_the_load_have_the_pods_for_it() -> None:
    """More than the profile's availability gives them, spread alike; of the task brokers the one that the load goes through."""
    wanted = SIZES["large"]["replicas"]
    large = applied(replicas=wanted)
    for name in ("ingestConsumerEvents", "postProcessForwardErrors"):
        assert large["sentry"][name]["replicas"] == wanted[f"sentry.{name}"], name
    assert large["relay"]["replicas"] == wanted["relay"]
    assert large["snuba"]["consumer"]["replicas"] == wanted["snuba.consumer"]
    assert large["snuba"]["consumer"]["topologySpreadConstraints"] == large["relay"]["topologySpreadConstraints"]
    brokers = {each["name"]: each["replicas"] for each in large["sentry"]["taskBroker"]["brokers"]}
    assert brokers == {"default": 2, "ingest": wanted["sentry.taskBroker"], "long": 2, "products": 2}
    workers = {each["name"]: (each["replicas"], each["brokerReplicas"]) for each in large["sentry"]["taskWorker"]["workers"]}
    known = (wanted["sentry.taskWorker"], wanted["sentry.taskBroker"])
    assert workers == {"default": (2, 2), "ingest": known, "long": (2, 2), "products": (2, 2)}


@pytest.mark.parametrize("name", KNOWN.sizes)
def test_the_rules_find_nothing_in_a_made_size(name: str) -> None:
    """Neither more readers than partitions nor more connections than its PostgreSQL gives Sentry."""
    there = sizes.named(SIZES, name)
    every = {topic: own.partitions if own.is_count_enforced else there.partitions_of(topic) for topic, own in TOPICS.items()}
    limits = Limits(every, int(there.max_connections * 3 / 4))
    of_the_size = applied(endpoints=chart_lines.ENDPOINTS, replicas=SIZES[name]["replicas"])
    looked = chart_lines.measured(chart_lines.LINE_33, "full", lambda usual: of_the_size, limits=limits, availability="ha").looked
    assert [f"{each.rule} {each.place}: {each.found}" for each in looked.findings] == []


def test_no_component_has_fewer_pods_than_its_availability_says_and_another_line_s_are_left_out() -> None:
    assert applied(replicas={"relay": 1, "sentry.cron": 9}) == applied()


def test_a_component_that_is_in_no_profile_is_refused_by_name() -> None:
    with pytest.raises(ValuesRefused) as refused:
        applied(replicas={"no.such": 9})
    assert "no.such" in refused.value.detail


def test_an_autoscaler_never_has_more_pods_to_begin_with_than_at_most() -> None:
    wanted = SIZES["large"]["replicas"]
    found = applied(replicas=wanted, autoscaling="cpu")["sentry"]["ingestConsumerEvents"]["autoscaling"]
    assert found["minReplicas"] == found["maxReplicas"] == wanted["sentry.ingestConsumerEvents"]


def test_the_pods_of_a_size_reach_the_values_unless_the_user_says_otherwise(plans: Planner) -> None:
    planned = plans({"domain": DOMAIN, "size": "large", "replicas": {"relay": 20}})
    replicas = planned.output("profile")["replicas"]
    assert (replicas["relay"], replicas["sentry.taskWorker"]) == (20, SIZES["large"]["replicas"]["sentry.taskWorker"])
