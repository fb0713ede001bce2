"""What a load needs: properties that hold for every load, the data behind it, and the sizes that are made of it."""

from __future__ import annotations

import importlib.util
import itertools
import random
from dataclasses import astuple, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.capacity import FIGURES
from kit.blueprint.load import FIELDS, Load, rate
from kit.capacity import check, choose, compare, constants, need, quotas, shape, sizes, tfvars
from kit.capacity.check import PlanFills
from kit.capacity.choose import NotCarried
from kit.capacity.need import Need
from kit.capacity.shape import Shape
from kit.capacity.sizes import SizeUnknown
from kit.errors import KitError
from kit.sentry.lines import profiles

ROOT = Path(__file__).parents[2]
KNOWN = constants.load()
SIZES = sizes.read(ROOT / "terraform")
TODAY = date(2026, 11, 28)
CHANCE = random.Random(12)
LOADS = [
    (Load(round(10 ** CHANCE.uniform(-1, 3.1), 3), CHANCE.choice((1, 5, 10, 30)), transactions, CHANCE.choice((1, 3, 6))), days)
    for days in (1, 7, 30, 90)
    for transactions in (0, 0, 0, 1, 1, 1, 5, 5, 40, 40, 40, 200)
]


def made_by(script: str) -> Any:
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(Path(script).stem, ROOT / script)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def numbers(needed: Need) -> dict[str, float]:
    """Everything that is needed, by name."""
    found: dict[str, float] = {}
    for each in fields(Need):
        value = getattr(needed, each.name)
        if isinstance(value, int | float):
            found[each.name] = value
        elif isinstance(value, dict):
            found |= {f"{each.name}.{key}": count for key, count in value.items()}
    return found


def chosen(load: Load, days: int) -> dict[str, Any]:
    return choose.size(need.of(load, days, KNOWN), KNOWN)


# ── properties


@pytest.mark.parametrize("grown", ["events", "event_kb", "transactions", "peak", "retention_days"])
def test_more_of_anything_needs_no_less_of_anything(grown: str) -> None:
    for load, days in LOADS:
        more = (load, days * 2) if grown == "retention_days" else (replace(load, **{grown: getattr(load, grown) * 1.7 + 1}), days)
        before, after = numbers(need.of(load, days, KNOWN)), numbers(need.of(*more, KNOWN))
        assert {name for name in before if after[name] < before[name] - 1e-9} == set(), (load, days)
        assert after != before


def test_what_is_chosen_for_a_load_carries_it() -> None:
    carried = 0
    for load, days in LOADS:
        needed = need.of(load, days, KNOWN)
        try:
            size = choose.size(needed, KNOWN)
        except NotCarried:
            continue
        there = shape.of("chosen", size)
        rows = compare.rows(needed, there, KNOWN)
        assert [row for row in rows if row.ratio > 1] == [], (load, days)
        assert compare.carried(load, days, there, KNOWN).events >= load.events * 0.99
        assert compare.filled(needed, there, KNOWN, TODAY) == ()
        carried += 1
    assert carried > len(LOADS) / 2


def test_the_variables_of_a_size_say_the_same_size_again() -> None:
    """Over any of the made sizes: nothing of its own numbers is left."""
    for (load, days), base in itertools.product(LOADS[:20], KNOWN.sizes):
        needed = need.of(load, days, KNOWN)
        size = choose.size(needed, KNOWN)
        again = shape.of("chosen", SIZES[base], tfvars.variables(size, needed, base))
        least = {**dict.fromkeys(KNOWN.topics, KNOWN.other_partitions), **size.get("topic_partitions", {})}
        assert astuple(replace(again, topic_partitions={})) == astuple(replace(shape.of("chosen", size), topic_partitions={}))
        assert again.topic_partitions == least


def test_a_day_s_rate_is_the_same_load_as_a_second_s() -> None:
    assert rate("86400/d") == rate("1/s") == rate("60/min") == rate("3.6k/h") == 1
    assert rate("86.4M/d") == rate("1k/s") == 1000


@pytest.mark.parametrize(
    "text", ["", "5", "5/", "/s", "-5/s", "5/y", "5 events/s", "1e3/s", "nan/s", "inf/s", "9G/s", "5m/s", "٣/s"]
)
def test_what_is_no_rate_is_none(text: str) -> None:
    assert rate(text) is None


@pytest.mark.parametrize("text", ["", "-1", "0", "1e3", "ten", "nan", "100001"])
def test_what_is_no_size_of_an_event_is_none(text: str) -> None:
    assert FIELDS["event_kb"].read(text) is None


# ── what there is no size for


@pytest.mark.parametrize(
    ("load", "days", "part"),
    [
        (Load(2000, transactions=400), 90, "clickhouse would need"),
        (Load(4000, event_kb=2), 1, "nodes would need"),
        (Load(4000), 1, "kafka would need"),
        (Load(300, event_kb=200, peak=10), 1, "kafka would need"),
    ],
)
def test_a_load_that_no_size_carries_is_refused_with_the_limit_and_a_way(load: Load, days: int, part: str) -> None:
    with pytest.raises(NotCarried, match="no size carries") as refused:
        chosen(load, days)
    assert part in refused.value.why
    assert refused.value.fix


def test_the_retention_that_one_clickhouse_host_can_keep_is_told() -> None:
    with pytest.raises(NotCarried) as refused:
        chosen(Load(2000, transactions=400), 90)
    days = int(refused.value.fix.partition("--retention ")[2].partition(")")[0])
    assert chosen(Load(2000, transactions=400), days)
    with pytest.raises(NotCarried):
        chosen(Load(2000, transactions=400), days + 1)


# ── the date


def test_a_disk_that_is_full_before_it_may_forget_is_refused_with_the_date() -> None:
    ha = sizes.named(SIZES, "ha")
    needed = need.of(Load(300), 90, KNOWN)
    days = 2 * ha.clickhouse.disk / needed.clickhouse_gb_a_day
    with pytest.raises(PlanFills, match=r"ClickHouse, grown to 400 GB, would be full on 2026-12-31, after 33\.1 of 97 days"):
        check.refuse_full(Load(300), 90, ha, KNOWN, TODAY)
    assert 33 < days < 34


def test_a_disk_counts_as_large_as_it_may_grow_and_no_larger_than_a_host_can_have() -> None:
    needed = need.of(Load(300), 90, KNOWN)

    def days(**variables: Any) -> dict[str, float]:
        there = sizes.named(SIZES, "ha", variables)
        return {each.what.split()[-1]: each.days for each in compare.filled(needed, there, KNOWN, TODAY)}

    fixed = days(disk_growth=None)
    assert set(fixed) == {"broker", "ClickHouse"}
    assert set(days()) == {"GB,"}, "Kafka's disks may double, and then they are large enough"
    assert days(disk_growth={"limit": 4})["GB,"] == pytest.approx(4 * fixed["ClickHouse"])
    most = sizes.named(SIZES, "large", {"disk_growth": {"limit": 9}})
    (full,) = compare.filled(need.of(Load(2000, transactions=400), 90, KNOWN), most, KNOWN, TODAY)
    assert "grown to 8192 GB" in full.what


def test_a_quota_counts_as_a_disk_and_only_where_it_is_known() -> None:
    small = sizes.named(SIZES, "small")
    load = KNOWN.sizes["small"].load
    check.refuse_full(load, 30, small, KNOWN, TODAY)
    check.refuse_full(load, 30, small, KNOWN, TODAY, quota_gb=1024)
    with pytest.raises(PlanFills, match="the quota of Object Storage would be full on 2026-12-04"):
        check.refuse_full(load, 30, small, KNOWN, TODAY, quota_gb=100)


def test_nothing_is_full_of_no_load() -> None:
    check.refuse_full(Load(), 3650, sizes.named(SIZES, "demo"), KNOWN, TODAY, quota_gb=1)


# ── the sizes


def test_the_sizes_are_made_by_the_function() -> None:
    written = (ROOT / "terraform" / "sizes.yaml").read_text()
    assert written == made_by("terraform/make_sizes.py").document(written), "python terraform/make_sizes.py writes it"
    assert yaml.safe_load(written) == {**SIZES, **sizes.made(KNOWN)}


@pytest.mark.parametrize("name", KNOWN.sizes)
def test_a_made_size_carries_what_it_is_made_for_in_three_zones(name: str) -> None:
    of, there = KNOWN.sizes[name], sizes.named(SIZES, name)
    assert compare.fits(need.of(of.load, of.retention_days, KNOWN), there, KNOWN)
    assert of.load.events <= compare.carried(of.load, of.retention_days, there, KNOWN).events < of.load.events * 1.3
    assert (there.zones, there.clickhouse.count, there.postgres.count) == (3, 1, 3)


def test_the_large_size_has_its_partitions_from_the_first_day() -> None:
    large = sizes.named(SIZES, "large")
    assert all(24 <= large.partitions_of(topic) <= 48 for topic in ("ingest-events", "events", "taskworker-ingest"))
    assert large.partitions_of("snuba-dead-letter-items") == 3


def test_the_smallest_size_that_carries_a_load_is_the_base_of_its_variables() -> None:
    bases = [sizes.base(SIZES, need.of(Load(events), 30, KNOWN), KNOWN) for events in (5, 50, 200, 1000, 3000)]
    assert bases == ["small", "small", "standard", "large", "large"]


def test_a_size_that_there_is_not_is_refused() -> None:
    with pytest.raises(SizeUnknown, match="there is no size 'huge'"):
        sizes.named(SIZES, "huge")


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"resources": "much"}, "resources"),
        ({"resources": {"kafka": 3}}, "resources.kafka"),
        ({"resources": {"kafka": {"disk_size": "64 GB"}}}, "kafka.disk_size"),
        ({"resources": {"postgres": {"preset": "s2.micro"}}}, "postgres.preset"),
        ({"topic_partitions": {"events": "six"}}, "topic_partitions.events"),
        ({"topic_partitions": [6]}, "topic_partitions"),
        ({"topic_partitions": {"events": 0}}, "topic_partitions.events"),
        ({"resources": {"kafka": {"disk_size": -64}}}, "kafka.disk_size"),
        ({"disk_growth": {"limit": 0}}, "disk_growth.limit"),
        ({"zones": 3}, "zones"),
        ({"zones": "ru-central1-a"}, "zones"),
    ],
)
def test_departures_that_are_no_numbers_are_refused(variables: dict[str, Any], place: str) -> None:
    with pytest.raises(KitError) as refused:
        sizes.named(SIZES, "ha", variables)
    assert refused.value.code == "KIT-CAPACITY-RESOURCES"
    assert f": {place} is" in refused.value.what
    assert "below `cloud:`" in refused.value.fix


def test_departures_from_a_size_count() -> None:
    there: Shape = sizes.named(SIZES, "ha", {"resources": {"kafka": {"disk_size": 400}}, "topic_partitions": {"events": 6}})
    assert (there.kafka.disk, there.kafka.cores, there.partitions_of("events"), there.partitions_of("outcomes")) == (400, 2, 6, 3)
    with_keeper = sizes.named(SIZES, "ha", {"resources": {"clickhouse": {"keeper": "separate", "preset": None}}})
    assert with_keeper.keeper == shape.Host(3, 2, 8, 10)


# ── what there is to choose from


def test_host_classes_come_smallest_first_from_the_rules_that_the_emulator_goes_by() -> None:
    from kit.yandex.rules import catalog

    for family, engine in (("s3", "kafka"), ("s3", "clickhouse"), ("s3", "postgresql"), ("hm3", "redis")):
        offered = [preset for preset in catalog.presets(engine) if preset.family == family]
        assert list(KNOWN.presets[family]) == [preset.id for preset in sorted(offered, key=lambda each: each.memory_bytes)]
    assert KNOWN.largest_disks == {"kafka": 4096, "clickhouse": 8192, "postgresql": 8192, "redis": 4096}
    assert KNOWN.most_nodes == 32


def test_every_quota_that_is_asked_for_is_one_of_the_cloud_s() -> None:
    of = KNOWN.sizes["large"]
    asked = quotas.of(sizes.named(SIZES, "large"), need.of(of.load, of.retention_days, KNOWN))
    assert {each.id for each in asked} - KNOWN.new_cloud.keys() == set()


# ── the constants


def test_every_constant_is_used_and_says_where_it_is_from() -> None:
    modules = [*(ROOT / "kit" / "capacity").glob("*.py"), ROOT / "kit" / "report" / "capacity.py"]
    code = "".join(path.read_text() for path in modules)
    assert [name for name in KNOWN.constants if f'"{name}"' not in code] == []
    every = [*KNOWN.constants.values(), *KNOWN.topics.values()]
    assert [each for each in every if len(each.where) < 10] == []


def test_what_is_measured_names_figures_of_the_bench() -> None:
    measured = {name: each for name, each in KNOWN.constants.items() if each.source == "measured"}
    assert len(measured) > 5
    assert [name for name, each in measured.items() if not any(figure in each.where for figure in FIGURES)] == []


def test_every_topic_and_every_reader_is_there_in_the_line_in_use() -> None:
    line = profiles.load("current")
    schemas = ROOT / "terraform" / "topics"
    topics = set().union(*(yaml.safe_load((schemas / f"{version}.json").read_text())["topics"] for version in line.schemas))
    assert set(KNOWN.topics) - topics == set()
    components = {component.key for component in line.running("full")}
    assert {reader for topic in KNOWN.topics.values() for reader in topic.readers} - components == set()


def test_the_document_shows_what_kit_says_and_every_constant() -> None:
    written = (ROOT / "docs" / "capacity.md").read_text()
    assert written == made_by("docs/make_capacity.py").document(written), "python docs/make_capacity.py writes it"
