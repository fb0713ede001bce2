"""Whose volume it is: an image that is built here and upstream's of the same name may be too far apart to share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.adapters.docker.observed import Container, Volume
from kit.blueprint.stack import Stack
from kit.supply import lock_file
from kit.supply.resolve import SOURCE_LABEL
from kit.targets.local import layout, observe

LOCK = Path(__file__).parents[2] / "kit" / "supply" / "lock.yaml"
# What the version of an image begins with, for the line to be called that.
BEGINS = {
    "clickhouse-18": "18.",
    "clickhouse-25": "25.",
    "s3-2026": "0.2026",
    "s3-2025": "RELEASE.2025-",
}


def test_the_way_an_image_came_tells_its_line_where_the_two_are_apart() -> None:
    assert layout.line("clickhouse", "built") == "clickhouse-18"
    assert layout.line("clickhouse", "pulled") == "clickhouse-25"
    assert layout.line("s3", "built") == "s3-2026"
    assert layout.line("s3", "pulled") == "s3-2025"
    assert {layout.line(image, way) for image in ("kafka", "kafka-3") for way in ("built", "pulled")} == {"kafka", "kafka-3"}


@pytest.mark.parametrize(("image", "way"), layout.LINES)
def test_the_lock_has_of_each_line_what_it_is_called_after(image: str, way: str) -> None:
    """A newer version in the lock is another line, with a name of its own and a place in OPENS."""
    entry = lock_file.read(LOCK).entries[f"image/{image}"]
    assert entry.versions[way].startswith(BEGINS[layout.line(image, way)])


def test_neither_clickhouse_takes_over_the_other_s_volume_and_only_the_newer_minio_the_older_one_s() -> None:
    def opens(line: str, volume: str) -> bool:
        return volume in layout.OPENS.get(line, (volume,))

    assert not opens("clickhouse-18", "clickhouse-25")
    assert not opens("clickhouse-25", "clickhouse-18")
    assert not opens("s3-2025", "s3-2026")
    assert opens("s3-2026", "s3-2025")
    for line in layout.LINES.values():
        assert opens(line, line), line


def test_a_mark_from_before_the_lines_were_told_apart_means_the_built_one() -> None:
    assert observe.formatted({"format/clickhouse": "clickhouse"}, "clickhouse") == ("clickhouse-18",)
    assert observe.formatted({"format/s3": "s3"}, "s3") == ("s3-2026",)
    assert observe.formatted({}, "clickhouse") == ("clickhouse-18",)
    assert observe.formatted({"format/clickhouse": ""}, "clickhouse") == ()
    assert observe.formatted({"format/redis": "redis"}, "redis") == ("redis",)


def test_the_line_that_is_started_on_a_new_volume_formats_it() -> None:
    assert observe.formats_after({"format/clickhouse": ""}, "clickhouse", "clickhouse-25") == "clickhouse-25"
    killed = {"format/clickhouse": "clickhouse-25"}  # before it was ready: either may have got there first
    assert observe.formats_after(killed, "clickhouse", "clickhouse-18") == "clickhouse-18 clickhouse-25"


def test_an_old_mark_is_written_anew_at_the_next_start() -> None:
    before = {"format/s3": "s3", "setup/s3": "s1"}
    assert observe.formats_after(before, "s3", "s3-2026") == "s3-2026"


def test_a_newer_minio_takes_over_the_volume_and_a_newer_kafka_leaves_it_as_it_is() -> None:
    of_minio = {"format/s3": "s3-2025", "setup/s3": "s1"}
    assert observe.formats_after(of_minio, "s3", "s3-2026") == "s3-2025 s3-2026"
    of_kafka = {"format/kafka": "kafka-3", "setup/kafka": "s1"}
    assert observe.formats_after(of_kafka, "kafka", "kafka") == "kafka-3"


def test_without_a_mark_a_volume_has_the_format_of_the_container_that_stands_on_it() -> None:
    """A lost file of markers is no reason to take another line's volume for unreadable, and to delete it."""
    image, labels = "kit.local/clickhouse:25.8-aa", {layout.STACK_LABEL: "kit", layout.STORE_LABEL: "clickhouse"}
    container = Container("1", "kit-clickhouse", image, "running", {**labels, SOURCE_LABEL: "pulled"}, (), {})
    seen = observe.EngineSeen((container,), (), (Volume("kit-clickhouse", {}),))
    assert observe.stores(seen, Stack(name="kit"), {}, {})["clickhouse"].formats == ("clickhouse-25",)
    of_another = {"format/clickhouse": "clickhouse-18"}
    assert observe.stores(seen, Stack(name="kit"), of_another, {})["clickhouse"].formats == ("clickhouse-18",)
