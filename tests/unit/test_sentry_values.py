"""The values' input and their comparison as data; what the module makes of it is tested with terraform."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.terraform.errors import TerraformFailed
from kit.adapters.terraform.program import Terraform
from kit.sentry.chart import values
from kit.sentry.chart.values import Place, ValuesRefused
from kit.sentry.lines import profiles
from tests.unit.test_sentry_credentials import ENDPOINTS

PLACE = Place("https://sentry.example.org", "admin@example.org", retention_days=30)
SEED = profiles.load("seed")


def test_the_input_holds_addresses_and_names_and_no_secret() -> None:
    made = values.inputs(ENDPOINTS, SEED, "full", PLACE, chart_version="26.18.0")
    said = json.dumps(made)
    assert [secret for secret in ("PW", "-SK", "-AK") if secret in said] == []
    assert made["endpoints"]["kafka"]["brokers"] == ["kafka:9091"]
    assert (made["profile"], made["size"], made["retention_days"], made["chart_version"]) == ("seed", "full", 30, "26.18.0")


def test_every_broker_goes_in() -> None:
    kafka = dataclasses.replace(ENDPOINTS.kafka, host="a", more_hosts=("b", "c"))
    made = values.inputs(dataclasses.replace(ENDPOINTS, kafka=kafka), SEED, "full", PLACE)
    assert made["endpoints"]["kafka"]["brokers"] == ["a:9091", "b:9091", "c:9091"]


@pytest.mark.parametrize(("port", "url"), [(443, "https://s3"), (9000, "https://s3:9000")])
def test_the_usual_port_of_https_is_not_written(port: int, url: str) -> None:
    s3 = dataclasses.replace(ENDPOINTS.s3, port=port)
    assert values.inputs(dataclasses.replace(ENDPOINTS, s3=s3), SEED, "full", PLACE)["endpoints"]["s3"]["endpoint"] == url


def test_a_clickhouse_of_several_nodes_is_named() -> None:
    one = values.inputs(ENDPOINTS, SEED, "full", PLACE)["endpoints"]["clickhouse"]
    many = values.inputs(ENDPOINTS, SEED, "full", PLACE, clickhouse_cluster="sentry")["endpoints"]["clickhouse"]
    assert (one["single_node"], one["cluster_name"]) == (True, "")
    assert (many["single_node"], many["cluster_name"]) == (False, "sentry")


def test_values_have_one_order_and_settings_stay_readable() -> None:
    said = values.text({"b": 1, "a": {"text": "first\nsecond\n"}})
    assert said == "a:\n  text: |\n    first\n    second\nb: 1\n"
    assert values.parse(said) == {"b": 1, "a": {"text": "first\nsecond\n"}}


def test_a_difference_shows_the_changed_line_of_a_settings_file() -> None:
    before = {"config": {"py": "A = 1\nB = 2\n"}, "same": True}
    after = {"config": {"py": "A = 1\nB = 3\n"}, "same": True}
    lines = values.difference(before, after).splitlines()
    assert [line for line in lines if line[0] in "+-"][2:] == ["-    B = 2", "+    B = 3"]
    assert values.difference(before, dict(reversed(before.items()))) == ""


def test_a_refusal_of_the_module_is_the_users_own_mistake() -> None:
    class Refusing(Terraform):
        def outputs(self, folder: Path, variables: Any) -> dict[str, Any]:
            raise TerraformFailed(what="no", why="size must be errors-only or full", fix="-", detail="all of it")

    with pytest.raises(ValuesRefused) as refused:
        values.parse(values.written(Refusing(Path("terraform")), Path(), {}))
    assert (refused.value.exit_code, refused.value.why) == (14, "size must be errors-only or full")
    assert refused.value.detail == "all of it"
