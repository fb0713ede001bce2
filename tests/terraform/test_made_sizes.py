"""The sizes that are made for a load, and the variables of `kit capacity`, as Terraform takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kit.blueprint.load import Load
from kit.capacity import choose, constants, need, tfvars
from tests.support.terraform import program
from tests.terraform.planning import TERRAFORM, Planned, Planner, planner

DOMAIN = "sentry.example.com"
KNOWN = constants.load()
SIZES = yaml.safe_load((TERRAFORM / "sizes.yaml").read_text())


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
