"""Attributes of the configuration's variables: what Terraform would drop in silence is named."""

from __future__ import annotations

import re

import pytest

from kit.targets.cloud import checks, variable_types
from kit.targets.cloud.errors import UnknownVariable
from kit.targets.cloud.variable_types import Each
from tests.support.program import ROOT

TERRAFORM = ROOT / "terraform"
TYPES = variable_types.of((TERRAFORM / "variables.tf").read_text())


def test_every_variable_is_found() -> None:
    """By another way of reading: each variable and each attribute that stands in an object of the file."""
    text = (TERRAFORM / "variables.tf").read_text()
    assert list(TYPES) == re.findall(r'^variable "([a-z_]+)"', text, re.MULTILINE)
    in_text = re.findall(r"([a-z_]+) += optional\(", text)

    def count(wanted: variable_types.Type) -> int:
        if isinstance(wanted, Each):
            return count(wanted.type)
        return 0 if wanted is None else len(wanted) + sum(count(each) for each in wanted.values())

    assert sum(count(each) for each in TYPES.values()) >= len(in_text) > 30
    assert TYPES["kubernetes_api"] == {"public": None, "cidrs": Each(None)}


@pytest.mark.parametrize(
    ("cloud", "named", "fix"),
    [
        ({"resources": {"kafka": {"disksize": 400}}}, "resources.kafka.disksize", "did you mean disk_size?"),
        ({"resources": {"nodes": {"min": 1, "maxx": 2}}}, "resources.nodes.maxx", "did you mean max?"),
        ({"resources": {"kafak": {}}}, "resources.kafak", "did you mean kafka?"),
        ({"kubernetes_api": {"publik": True}}, "kubernetes_api.publik", "did you mean public?"),
        ({"monitoring": {"channel": ["a"]}}, "monitoring.channel", "did you mean channels?"),
        ({"disk_growth": {"limits": 2}}, "disk_growth.limits", "did you mean limit?"),
    ],
)
def test_a_misspelt_attribute_is_refused(cloud: dict[str, object], named: str, fix: str) -> None:
    with pytest.raises(UnknownVariable) as refused:
        checks.require_known(TERRAFORM, cloud)
    assert named in refused.value.what
    assert refused.value.fix == fix


@pytest.mark.parametrize(
    "cloud",
    [
        {"resources": {"kafka": {"disk_size": 400, "preset": None}, "nodes": {"min": 1, "max": 3, "preemptible": True}}},
        {"labels": {"anything": "goes"}, "topic_partitions": {"events": 6}},
        {"kubernetes_api": {"public": True, "cidrs": ["203.0.113.7/32"]}, "size": "ha"},
        {"resources": None},
        {"resources": "not an object"},  # Terraform says so itself
    ],
)
def test_what_terraform_would_keep_is_left_to_it(cloud: dict[str, object]) -> None:
    checks.require_known(TERRAFORM, cloud)


def test_types_are_read_whatever_stands_around_them() -> None:
    text = """
variable "one" {
  description = "type = object({ no = string })"
  type = object({
    # a comment with { and (
    a = optional(object({ b = optional(string, "x)}"), c = number }), { b = "y" })
    d = list(object({ e = map(object({ f = bool })) }))
  })
  default = {}
}

variable "two" {
  type = any
}
"""
    found = variable_types.of(text)
    assert found == {"one": {"a": {"b": None, "c": None}, "d": Each({"e": Each({"f": None})})}, "two": None}
    wrong = {"a": {"b": 1, "x": 2}, "d": [{"e": {"k": {"f": 1, "g": 2}}}, {"h": 3}]}
    assert [each.path for each in variable_types.unknown(wrong, found["one"], "one")] == ["one.a.x", "one.d.0.e.k.g", "one.d.1.h"]
