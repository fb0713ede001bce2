"""Versions of the stores changed by the real terraform and provider, on the emulator: the ways that the cloud takes,
each to an empty plan, and its refusal of the way back. Which way is which is data with a source: kit/yandex/rules/upgrades.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kit.sentry.lines import profiles
from tests.support.yandex import Cloud
from tests.terraform.test_rehearsal import Rehearsal, rehearsal

QUIETLY = ("-auto-approve", "-input=false", "-no-color")
CLUSTERS = {
    "kafka_version": "yandex_mdb_kafka_cluster.sentry",
    "clickhouse_version": "yandex_mdb_clickhouse_cluster_v2.sentry",
    "postgres_version": "yandex_mdb_postgresql_cluster_v2.sentry",
    "redis_version": "yandex_mdb_redis_cluster_v2.sentry",
}
STORES = tuple(f"-target={address}" for address in (*CLUSTERS.values(), "yandex_kubernetes_cluster.sentry"))
BEFORE = {"kafka_version": "4.0", "clickhouse_version": "25.8", "postgres_version": "17", "redis_version": "8.1-valkey"}
AFTER = {"kafka_version": "4.1", "clickhouse_version": "26.3", "postgres_version": "18", "redis_version": "9.0-valkey"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with rehearsal(tmp_path_factory.mktemp("upgraded")) as it:
        it.terraform("apply", *QUIETLY, *STORES, kubernetes_version="1.33", **BEFORE)
        yield it


def planned(it: Rehearsal, **variables: Any) -> str:
    """What the plan says; "" where there is nothing to do."""
    ran = it.terraform("plan", "-detailed-exitcode", "-input=false", "-no-color", *STORES, expect=(0, 2), **variables)
    return ran.stdout if ran.returncode else ""


def test_every_store_is_upgraded_in_place_and_the_plan_is_empty(made: Rehearsal) -> None:
    said = planned(made, **AFTER)
    for address in CLUSTERS.values():
        assert f"# {address} will be updated in-place" in said
    assert "Plan: 0 to add, 4 to change, 0 to destroy." in said
    made.terraform("apply", *QUIETLY, *STORES, **AFTER)
    assert planned(made, **AFTER) == ""


@pytest.mark.parametrize(
    ("variable", "older"), [("postgres_version", "17"), ("redis_version", "8.1-valkey"), ("kafka_version", "4.0")]
)
def test_the_way_back_is_refused_and_leaves_the_cluster_as_it_is(made: Rehearsal, variable: str, older: str) -> None:
    back = {**AFTER, variable: older}
    ran = made.terraform("apply", *QUIETLY, f"-target={CLUSTERS[variable]}", expect=(1,), **back)
    assert f"downgrade from {AFTER[variable]} to {older} is not supported" in " ".join(ran.stderr.replace("│", " ").split())
    assert planned(made, **AFTER) == ""


def test_what_the_profile_cannot_work_with_is_refused_before_the_cloud_is_asked(made: Rehearsal) -> None:
    newest = profiles.load("current").maximum_clickhouse
    assert newest is not None
    year, month = newest.split(".")
    ran = made.terraform(
        "plan", "-input=false", "-no-color", *STORES, expect=(1,), **{**AFTER, "clickhouse_version": f"{year}.{int(month) + 1}"}
    )
    assert "works with ClickHouse from" in ran.stderr


def test_an_upgrade_of_kubernetes_by_the_service_changes_no_resource(made: Rehearsal) -> None:
    cloud = Cloud(made.running, made.root, made.environment["YC_TOKEN"])
    (cluster,) = cloud("k8s.v1.ClusterService/List", folder_id=made.environment["YC_FOLDER_ID"]).clusters
    fields = {"master_spec": {"version": {"version": "1.34"}}, "update_mask": {"paths": ["master_spec.version"]}}
    upgraded = cloud.done("k8s.v1.ClusterService/Update", cluster_id=cluster.id, **fields)
    assert upgraded.master.version == "1.34" != cluster.master.version
    said = planned(made, **AFTER)
    assert " will be " not in said  # of no resource; an output tells the new version
    assert "without changing any real infrastructure" in " ".join(said.split())
