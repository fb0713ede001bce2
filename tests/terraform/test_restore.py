"""A lost store made out of its backup by the real terraform and provider, against the emulator's control plane: the commands of
docs/cloud.md, to an empty plan. What is in the stores afterwards: tests/long.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from kit import files
from kit.state import markers
from kit.targets.cloud import state
from kit.targets.cloud.errors import NoCloudStack
from kit.targets.cloud.place import Place
from kit.targets.cloud.restore import STORES as STORES_OF_KIT
from kit.targets.cloud.restore import StoreStands
from kit.workspace import Workspace
from tests.support.holding import holding
from tests.support.program import ROOT, Program
from tests.support.yandex import Cloud
from tests.terraform.planning import KAFKA_PASSWORD, REDIS_PASSWORD
from tests.terraform.test_rehearsal import TOKEN, Rehearsal, rehearsal

# The two stores with all that they need, and not the eighty topics of the third.
STORES = tuple(
    f"-target={address}"
    for address in (
        "yandex_mdb_postgresql_database.sentry",
        "yandex_mdb_clickhouse_user.sentry",
        "yandex_mdb_redis_cluster_v2.sentry",
        "yandex_iam_service_account.buckets",  # `import` evaluates the whole, and wants the keys of this map
    )
)
CLUSTERS = {"postgres": "yandex_mdb_postgresql_cluster_v2.sentry", "clickhouse": "yandex_mdb_clickhouse_cluster_v2.sentry"}
QUIETLY = ("-auto-approve", "-input=false", "-no-color")
VALKEY = "yandex_mdb_redis_cluster_v2.sentry"
PACKAGES = {"postgres": "postgresql", "clickhouse": "clickhouse"}


def rows(store: str) -> tuple[str, str]:
    """The user and the database of a store, which come back with its backup."""
    kind = CLUSTERS[store].partition("_cluster")[0]
    return f"{kind}_user.sentry", f"{kind}_database.sentry"


def cluster_id(it: Rehearsal, store: str) -> str:
    shown = it.terraform("state", "show", "-no-color", CLUSTERS[store]).stdout
    return next(line.partition('"')[2].rstrip('"') for line in shown.splitlines() if line.strip().startswith("id "))


def restore(it: Rehearsal, store: str, backup: str) -> None:
    """The procedure, once nobody knows the old cluster any more."""
    it.terraform("state", "rm", CLUSTERS[store], *rows(store))
    target = f"-target={CLUSTERS[store]}"
    it.terraform("apply", *QUIETLY, target, restore={store: backup})
    made = cluster_id(it, store)
    for address in rows(store):
        it.terraform("import", f"-var-file={it.folder / 'rehearsal.tfvars.json'}", "-input=false", address, f"{made}:sentry")
    it.terraform("apply", *QUIETLY, *STORES)


def restore_valkey(it: Rehearsal, cloud: Cloud, lost: Any, backup: str) -> None:
    """Provider 0.213 has no argument for it: restored by the API, as `yc managed-redis cluster restore` does, and taken over."""
    config, hosts = lost.config, [{"zone_id": zone, "subnet_id": subnet} for zone, subnet in _subnets(cloud, lost.network_id)[:1]]
    made = cloud.done(
        "mdb.redis.v1.ClusterService/Restore",
        backup_id=backup,
        name=lost.name,
        network_id=lost.network_id,
        environment=lost.environment,
        config_spec={
            "version": config.version,
            "resources": config.resources,
            "redis": {"password": REDIS_PASSWORD, "maxmemory_policy": config.redis.user_config.maxmemory_policy},
        },
        host_specs=hosts,
        tls_enabled={"value": True},
        persistence_mode=lost.persistence_mode,
        announce_hostnames=True,
        security_group_ids=lost.security_group_ids,
    )
    it.terraform("state", "rm", VALKEY)
    it.terraform("import", f"-var-file={it.folder / 'rehearsal.tfvars.json'}", "-input=false", VALKEY, made.id)
    it.terraform("apply", *QUIETLY, *STORES)


def _subnets(cloud: Cloud, network: str) -> list[tuple[str, str]]:
    """The stores' own, by zone."""
    found = cloud("vpc.v1.NetworkService/ListSubnets", network_id=network).subnets
    return [(subnet.zone_id, subnet.id) for subnet in found if "stores" in subnet.name]


def is_unchanged(it: Rehearsal, **variables: Any) -> bool:
    ran = it.terraform("plan", "-detailed-exitcode", "-input=false", *STORES, expect=(0, 2), **variables)
    return ran.returncode == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with rehearsal(tmp_path_factory.mktemp("restored")) as it:
        it.terraform("apply", *QUIETLY, *STORES)
        yield it


def as_client(it: Rehearsal) -> Cloud:
    return Cloud(it.running, it.root, TOKEN)


@pytest.mark.parametrize("store", CLUSTERS)
def test_a_lost_store_is_made_out_of_its_backup_and_the_plan_is_empty(made: Rehearsal, store: str) -> None:
    cloud, service = as_client(made), f"mdb.{PACKAGES[store]}.v1.ClusterService"
    lost = cluster_id(made, store)
    cloud.done(f"{service}/Backup", cluster_id=lost)
    cloud.done(f"{service}/Delete", cluster_id=lost)
    (backup,) = cloud(f"mdb.{PACKAGES[store]}.v1.BackupService/List", folder_id=_folder(made)).backups
    restore(made, store, backup.id)
    assert cluster_id(made, store) != lost
    assert is_unchanged(made)
    assert is_unchanged(made, restore={store: "c9qanother:backup"})  # of a cluster that stands, no restore is made


def test_a_lost_valkey_is_restored_by_the_api_and_taken_over(made: Rehearsal) -> None:
    cloud, service = as_client(made), "mdb.redis.v1.ClusterService"
    (lost,) = cloud(f"{service}/List", folder_id=_folder(made)).clusters
    cloud.done(f"{service}/Backup", cluster_id=lost.id)
    cloud.done(f"{service}/Delete", cluster_id=lost.id)
    (backup,) = cloud("mdb.redis.v1.BackupService/List", folder_id=_folder(made)).backups
    restore_valkey(made, cloud, lost, backup.id)
    assert is_unchanged(made)


def _folder(it: Rehearsal) -> Any:
    return it.environment["YC_FOLDER_ID"]


def test_the_id_of_a_backup_has_a_form(made: Rehearsal) -> None:
    ran = made.terraform("plan", "-input=false", "-no-color", expect=(1,), restore={"postgres": "yesterday"})
    assert "restore: the id of a backup is" in ran.stderr


def test_the_document_names_the_addresses_and_commands_that_are_tried_here() -> None:
    text = (ROOT / "docs" / "cloud.md").read_text().partition("## Restore")[2].partition("\n## ")[0]
    assert f"terraform state rm {CLUSTERS['postgres']} {' '.join(rows('postgres'))}" in text
    assert f"terraform apply -target={CLUSTERS['postgres']} -var 'restore={{postgres=" in text
    for address in rows("postgres"):
        assert re.search(rf"terraform import {re.escape(address)} +<id>:sentry", text)
    assert f"terraform import {VALKEY} <id>" in text
    assert {store: (found[1], found[2]) for store, found in STORES_OF_KIT.items()} == {
        store: (CLUSTERS[store], rows(store)) for store in CLUSTERS
    }


# -- by kit


@pytest.fixture(scope="module")
def kit(made: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program, with the stores of the rehearsal as its stack in the cloud: the same state, the same passwords."""
    home = tmp_path_factory.mktemp("home")
    environment = {name: value for name, value in made.environment.items() if os.environ.get(name) != value}
    program = Program(home, "restored", {**environment, "TF_VAR_domain": "sentry.example.com", "TF_VAR_iam_pause_s": "0"})
    assert program("cloud", "restore", "postgres", "c9qa:b").exit_code == NoCloudStack.exit_code
    space = Workspace("restored", ROOT, home, home)
    place = Place(space, rehearses=False)
    with holding(space):
        place.prepare()
        files.write(place.state, (made.folder / "terraform.tfstate").read_bytes(), files.PRIVATE)
        files.write_json(place.secrets, {"kafka_password": KAFKA_PASSWORD, "redis_password": REDIS_PASSWORD}, files.PRIVATE)
        markers.record(place.markers, state.MARK, state.SETTLED)
    return program


def test_kit_restores_a_store_that_is_lost_and_goes_on_where_it_stopped(made: Rehearsal, kit: Program) -> None:
    cloud, service = as_client(made), "mdb.postgresql.v1.ClusterService"
    (standing,) = cloud(f"{service}/List", folder_id=_folder(made)).clusters
    cloud.done(f"{service}/Backup", cluster_id=standing.id)
    backup = cloud(f"{service}/ListBackups", cluster_id=standing.id).backups[0].id
    refused = kit("cloud", "restore", "postgres", backup)
    assert refused.exit_code == StoreStands.exit_code
    assert f"postgres still stands, as cluster {standing.id}" in refused.stderr
    cloud.done(f"{service}/Update", cluster_id=standing.id, name="postgres-old", update_mask={"paths": ["name"]})
    ran = kit.must("cloud", "restore", "--forget", "postgres", backup)
    clusters = {found.name: found.id for found in cloud(f"{service}/List", folder_id=_folder(made)).clusters}
    assert set(clusters) == {"postgres-old", "sentry"}  # nothing was deleted
    assert f"cluster {clusters['sentry']} holds the backup" in ran.stderr
    again = kit.must("cloud", "restore", "postgres", backup)
    assert f"cluster {clusters['sentry']} holds the backup" in again.stderr
