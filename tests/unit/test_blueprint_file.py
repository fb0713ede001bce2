"""kit.yaml: what is right is read, what is wrong is named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.blueprint import file
from kit.blueprint.stack import SentryWanted, Stack

RIGHT = """\
name: scratch
ports:
  kafka.sasl: 19091
memory_mb: {kafka: 1024}
"""


def test_a_right_file_is_read() -> None:
    assert file.parse(RIGHT, "kit.yaml") == Stack(name="scratch", ports={"kafka.sasl": 19091}, memory_mb={"kafka": 1024})


def test_which_sentry_is_read() -> None:
    text = "sentry: {flavour: chart, profile: seed, size: full, chart: ./sentry, retention_days: 30}"
    assert file.parse(text, "kit.yaml").sentry == SentryWanted("chart", "seed", "full", "./sentry", 30)


def test_the_cloud_s_variables_are_taken_as_they_are() -> None:
    assert file.parse("cloud: {domain: sentry.example.com, zones: [a, b]}", "kit.yaml").cloud == {
        "domain": "sentry.example.com",
        "zones": ["a", "b"],
    }


def test_the_command_line_names_the_stack_before_the_file_does() -> None:
    assert file.parse(RIGHT, "kit.yaml", name="other").name == "other"


def test_an_empty_file_is_the_defaults() -> None:
    assert file.parse("", "kit.yaml") == Stack()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("nmae: x\n", 1, "unknown key 'nmae'"),
        ("name: kit\nports:\n  kafka.sals: 1\n", 3, "unknown key 'kafka.sals'"),
        ("ports:\n  kafka.sasl: ninety\n", 2, "'ninety' is not a whole number"),
        ("ports:\n  kafka.sasl: 70000\n", 2, "'70000' is not a whole number"),
        ("memory_mb:\n  kafka: 1\n", 2, "'1' is not a whole number"),
        ("ports: 9091\n", 1, "a mapping is expected"),
        ("sentry:\n  profile: curent\n", 2, "'curent' is none of current, seed"),
        ("sentry: {size: huge}\n", 1, "'huge' is none of errors-only, full"),
        ("- kit\n", 1, "a mapping is expected"),
        ("name: kit\nname: other\n", 2, "twice"),
        ("name: [kit]\n", 1, "a word is expected"),
        ("name: kit\n  ports: x\n", 2, "mapping values are not allowed"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(file.BadBlueprint) as caught:
        file.parse(text, "kit.yaml")
    assert f"kit.yaml:{line} " in caught.value.what
    assert says in caught.value.why


def test_a_near_miss_gets_a_suggestion() -> None:
    with pytest.raises(file.BadBlueprint) as caught:
        file.parse("nmae: x\n", "kit.yaml")
    assert caught.value.fix == "did you mean 'name'?"


@pytest.mark.parametrize("name", ["Kit", "1st", "a_b", "", "-x", "x-", "x" * 31, "../etc", "a b"])
def test_a_name_that_containers_cannot_bear_is_refused(name: str) -> None:
    with pytest.raises(file.BadName):
        file.checked_name(name)


def test_a_file_the_user_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(file.BadBlueprint, match=r"nowhere\.yaml"):
        file.load(tmp_path / "nowhere.yaml", name=None)
