"""An older line of a store, for releases whose clients know no newer one: which profile gets it, and whose data it may open."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kit.blueprint.stack import STORES
from kit.sentry.lines import profiles
from kit.supply import lock_file
from kit.supply.version import satisfies
from kit.targets.cloud import checks
from kit.targets.cloud.errors import ProfileTooOld
from kit.targets.local import layout, observe

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "kit" / "supply" / "lock.yaml"
CONFIG = ROOT / "compose" / "kafka" / "config"


@pytest.mark.parametrize("name", profiles.NAMES)
def test_no_store_is_newer_than_the_clients_of_the_profile_know(name: str) -> None:
    profile, entries = profiles.load(name), lock_file.read(LOCK).entries
    for store in STORES:
        image = entries[f"image/{layout.store_image(store, profile)}"]
        if newest := profile.newest.get(store):
            for way, version in image.versions.items():
                assert satisfies(version, f"<={newest}.999"), (store, newest, way)


def test_the_older_profile_gets_a_kafka_3_and_the_newer_one_a_kafka_4() -> None:
    assert layout.store_image("kafka", profiles.load("seed")) == "kafka-3"
    assert layout.store_image("kafka", profiles.load("current")) == "kafka"
    assert [layout.store_image(store, profiles.load("seed")) for store in STORES if store != "kafka"] == [
        store for store in STORES if store != "kafka"
    ]


def test_a_line_of_kafka_that_is_not_here_is_no_other_line() -> None:
    with pytest.raises(KeyError):
        layout.store_image("kafka", replace(profiles.load("seed"), newest={"kafka": "3.8"}))


def test_an_older_line_opens_its_own_volumes_alone() -> None:
    assert all(layout.OPENS[line] == (line,) for line in layout.OLDER_LINES.values())


def test_a_volume_of_which_nothing_is_known_counts_as_the_usual_line_s() -> None:
    assert observe.formatted({}, "kafka") == ("kafka",)
    assert observe.formatted({"format/kafka": ""}, "kafka") == ()
    assert observe.formatted({"format/kafka": "kafka kafka-3"}, "kafka") == ("kafka", "kafka-3")


def test_the_cloud_refuses_a_profile_that_its_kafka_would_not_let_in() -> None:
    checks.profile(profiles.load("current"))
    with pytest.raises(ProfileTooOld) as refused:
        checks.profile(profiles.load("seed"))
    assert "up to 3.9" in refused.value.why
    assert "--profile current" in refused.value.fix


def test_both_lines_of_kafka_log_the_same() -> None:
    """Kafka 3 reads log4j.properties and Kafka 4 log4j2.properties; start.sh names both."""
    first = dict(re.findall(r"^log4j\.logger\.(\S+)=(\w+)$", (CONFIG / "log4j.properties").read_text(), re.MULTILINE))
    second = dict(
        re.findall(r"^logger\.\w+\.name = (\S+)\nlogger\.\w+\.level = (\w+)$", (CONFIG / "log4j2.properties").read_text(), re.M)
    )
    assert len(second) == 4
    assert {name: level.lower() for name, level in first.items()} == second
    start = (CONFIG / "start.sh").read_text()
    assert "-Dlog4j.configuration=file:/etc/kit/log4j.properties" in start
    assert "-Dlog4j2.configurationFile=/etc/kit/log4j2.properties" in start


def test_clickhouse_lets_snuba_read_the_system_tables_whatever_the_server_s_own_default() -> None:
    """True since ClickHouse 24.1 unless the configuration says otherwise (ClickHouse#58584, 2024-01)."""
    configuration = ElementTree.parse(ROOT / "compose" / "clickhouse" / "config" / "config.xml").getroot()
    assert configuration.findtext("access_control_improvements/select_from_system_db_requires_grant") == "false"
