"""Backups and changed versions of the emulated databases: what a restore makes, what is refused, what a kill leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from kit.yandex import contract
from kit.yandex.contract import BackingFailed, Cluster
from kit.yandex.engine import descriptors
from kit.yandex.engine.journal import PENDING, Record
from kit.yandex.rules import data, upgrades
from tests.support import yandex
from tests.support.yandex import FOLDER, RESOURCES, Cloud, emulated, violations

Certificate = tuple[bytes, bytes, bytes]
PASSWORD = "a-Password_of-the-user-7"
PACKAGES = {"postgres": "postgresql", "clickhouse": "clickhouse", "redis": "redis"}


class Copies(contract.NoBacking):
    """Knows which copies there are, and what was put where in which order."""

    def __init__(self) -> None:
        self.copies: set[str] = set()
        self.calls: list[tuple[str, str]] = []
        self.failure: Exception | None = None

    def put_cluster(self, cluster: Cluster) -> contract.KubernetesAccess | None:
        self.calls.append(("cluster", cluster.name))
        return super().put_cluster(cluster)

    def put_part(self, cluster: Cluster, part: contract.ClusterPart) -> None:
        secret = part.password.reveal() if isinstance(part, contract.User) else ""
        self.calls.append((type(part).__name__, f"{cluster.name}/{part.name}{secret and ' with a password'}"))

    def back_up(self, cluster: Cluster, backup_id: str) -> int:
        if self.failure is not None:
            raise self.failure
        self.copies.add(backup_id)
        return 42

    def restore(self, cluster: Cluster, backup_id: str) -> None:
        assert backup_id in self.copies
        self.calls.append(("restore", cluster.name))

    def remove_backup(self, backup_id: str) -> None:
        self.copies.discard(backup_id)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return yandex.certificate_of(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def backing() -> Copies:
    return Copies()


@pytest.fixture
def cloud(certificate: Certificate, backing: Copies, tmp_path: Path) -> Iterator[Cloud]:
    with emulated(certificate, tmp_path / "state", backing) as made:
        yield made


@pytest.fixture
def network(cloud: Cloud) -> str:
    made = yandex.network(cloud)
    yandex.subnet(cloud, made)
    return made


def filled(cloud: Cloud, network: str, engine: str) -> str:
    """A cluster with the user `sentry`, and where there are some, a database `sentry`."""
    cluster = str(getattr(yandex, engine)(cloud, network))
    if engine == "redis":
        return cluster
    package = f"mdb.{PACKAGES[engine]}.v1"
    user: dict[str, Any] = {"name": "sentry", "password": PASSWORD}
    database = {"name": "sentry", **({"owner": "sentry"} if engine == "postgres" else {})}
    if engine == "postgres":
        cloud.done(f"{package}.UserService/Create", cluster_id=cluster, user_spec=user)
        cloud.done(f"{package}.DatabaseService/Create", cluster_id=cluster, database_spec=database)
    else:
        cloud.done(f"{package}.DatabaseService/Create", cluster_id=cluster, database_spec=database)
        user["permissions"] = [{"database_name": "sentry"}]
        cloud.done(f"{package}.UserService/Create", cluster_id=cluster, user_spec=user)
    return cluster


def restoring(network: str, engine: str, backup: str, name: str = "restored", version: str = "") -> dict[str, Any]:
    """The fields of a Restore: those of a Create, without users and databases."""
    configs: dict[str, dict[str, Any]] = {
        "postgres": {"version": version or "17", "resources": RESOURCES},
        "clickhouse": {"version": version or "25.8", "clickhouse": {"resources": RESOURCES}},
        "redis": {"version": version or "8.1-valkey", "resources": yandex.VALKEY, "redis": {"password": "another-Password_8"}},
    }
    host = {"zone_id": "ru-central1-a", **({"type": 1} if engine == "clickhouse" else {})}
    fields = {"backup_id": backup, "name": name, "network_id": network, "environment": 1, "host_specs": [host]}
    return {**fields, "config_spec": configs[engine]}


@pytest.mark.parametrize("engine", PACKAGES)
def test_a_restore_makes_a_new_cluster_with_the_users_databases_and_data(
    cloud: Cloud, network: str, backing: Copies, engine: str
) -> None:
    package = f"mdb.{PACKAGES[engine]}.v1"
    before = filled(cloud, network, engine)
    cloud.done(f"{package}.ClusterService/Backup", cluster_id=before)
    (backup,) = cloud(f"{package}.ClusterService/ListBackups", cluster_id=before).backups
    assert backup.id.startswith(f"{before}:")
    assert getattr(backup, "size", 42) == 42
    cloud.done(f"{package}.ClusterService/Delete", cluster_id=before)
    assert cloud(f"{package}.BackupService/List", folder_id=FOLDER).backups[0].id == backup.id  # it outlives its cluster
    backing.calls.clear()
    made = cloud.done(f"{package}.ClusterService/Restore", **restoring(network, engine, backup.id))
    assert (made.name, made.folder_id, made.id != before) == ("restored", FOLDER, True)
    assert backing.calls[0] == ("cluster", "restored")
    assert backing.calls[-1] == ("restore", "restored")
    users = cloud(f"{package}.UserService/List", cluster_id=made.id).users
    if engine == "redis":
        assert [user.name for user in users] == ["default"]
        return
    assert ("User", "restored/sentry with a password") in backing.calls
    (database,) = cloud(f"{package}.DatabaseService/List", cluster_id=made.id).databases
    (user,) = users
    assert (database.name, database.cluster_id, user.name, user.cluster_id) == ("sentry", made.id, "sentry", made.id)
    connection = cloud("connectionmanager.v1.ConnectionService/Get", connection_id=user.connection_manager.connection_id)
    payload = cloud("lockbox.v1.PayloadService/Get", secret_id=connection.lockbox_secret.id)
    assert [entry.text_value for entry in payload.entries] == [PASSWORD]


def test_a_backup_survives_a_restart(certificate: Certificate, tmp_path: Path) -> None:
    backing = Copies()
    with emulated(certificate, tmp_path, backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = filled(cloud, network, "postgres")
        cloud.done("mdb.postgresql.v1.ClusterService/Backup", cluster_id=cluster)
    with emulated(certificate, tmp_path, backing) as cloud:
        (backup,) = cloud("mdb.postgresql.v1.BackupService/List", folder_id=FOLDER).backups
        assert cloud.done("mdb.postgresql.v1.ClusterService/Restore", **restoring(network, "postgres", backup.id)).status == 2


def test_a_backup_that_failed_is_not_offered(cloud: Cloud, network: str, backing: Copies) -> None:
    cluster = filled(cloud, network, "postgres")
    backing.failure = BackingFailed(subject="backup", why="no space is left")
    assert "no space is left" in cloud.refused("mdb.postgresql.v1.ClusterService/Backup", cluster_id=cluster).details()
    assert not cloud("mdb.postgresql.v1.BackupService/List", folder_id=FOLDER).backups


def test_a_backup_that_a_kill_cut_short_is_removed_and_not_offered(certificate: Certificate, tmp_path: Path) -> None:
    backing = Copies()
    with emulated(certificate, tmp_path, backing) as cloud:
        yandex.subnet(cloud, network := yandex.network(cloud))
        cluster = filled(cloud, network, "postgres")
        cloud.done("mdb.postgresql.v1.ClusterService/Backup", cluster_id=cluster)
        _interrupt(cloud)
        (left,) = backing.copies
        assert not cloud("mdb.postgresql.v1.ClusterService/ListBackups", cluster_id=cluster).backups
    with emulated(certificate, tmp_path, backing) as cloud:
        assert not cloud("mdb.postgresql.v1.BackupService/List", folder_id=FOLDER).backups
        assert backing.copies == set()
        refused = cloud.refused("mdb.postgresql.v1.ClusterService/Restore", **restoring(network, "postgres", left))
        assert refused.code() is grpc.StatusCode.NOT_FOUND
        assert cloud("mdb.postgresql.v1.ClusterService/Get", cluster_id=cluster).status == 2  # its cluster is untouched


def _interrupt(cloud: Cloud) -> None:
    """Make the journal look as a kill during the last operation leaves it: that one not done, its record pending."""
    journal = cloud.emulator.state.journal
    operation = journal.all(descriptors.OPERATION)[-1]
    with journal.transaction() as change:
        for record in journal.all("mdb.postgresql.v1.Backup"):
            change.put(Record(record.key, record.parent, record.message, {**record.extra, PENDING: True}))
        undone = operation.copy()
        undone.done = False
        change.put(operation.with_message(undone))


def test_a_deleted_backup_is_gone_with_its_data(cloud: Cloud, network: str, backing: Copies) -> None:
    cluster = filled(cloud, network, "clickhouse")
    cloud.done("mdb.clickhouse.v1.ClusterService/Backup", cluster_id=cluster)
    (backup,) = cloud("mdb.clickhouse.v1.BackupService/List", folder_id=FOLDER).backups
    cloud.done("mdb.clickhouse.v1.BackupService/Delete", backup_id=backup.id)
    assert backing.copies == set()
    refused = cloud.refused("mdb.clickhouse.v1.ClusterService/Restore", **restoring(network, "clickhouse", backup.id))
    assert refused.code() is grpc.StatusCode.NOT_FOUND


def test_a_backup_is_restored_into_its_release_or_a_newer_one(cloud: Cloud, network: str) -> None:
    cluster = filled(cloud, network, "postgres")
    cloud.done("mdb.postgresql.v1.ClusterService/Backup", cluster_id=cluster)
    (backup,) = cloud("mdb.postgresql.v1.BackupService/List", folder_id=FOLDER).backups
    older = cloud.refused("mdb.postgresql.v1.ClusterService/Restore", **restoring(network, "postgres", backup.id, version="16"))
    assert older.code() is grpc.StatusCode.FAILED_PRECONDITION
    newer = restoring(network, "postgres", backup.id, version="18")
    assert cloud.done("mdb.postgresql.v1.ClusterService/Restore", **newer).config.version == "18"


def test_kafka_has_no_backups(cloud: Cloud) -> None:
    """As in the cloud: its service has no such method at all."""
    methods = descriptors.methods("mdb.kafka.v1.ClusterService")
    assert not {"Backup", "Restore", "ListBackups"} & set(methods)


# -- changes of a version

SERVICES = {"kafka": "kafka", "postgres": "postgresql", "clickhouse": "clickhouse", "redis": "redis"}
CHANGES = (  # engine, from, to, whether the cloud takes it
    ("postgres", "17", "18", True),
    ("postgres", "16", "18", False),
    ("postgres", "17", "16", False),
    ("clickhouse", "25.8", "26.3", True),
    ("clickhouse", "25.3", "26.3", True),
    ("clickhouse", "25.8", "25.3", True),
    ("redis", "7.2-valkey", "9.0-valkey", True),
    ("redis", "8.1-valkey", "8.0-valkey", False),
    ("kafka", "4.0", "4.1", True),
    ("kafka", "4.1", "4.0", False),
)


def at(cloud: Cloud, network: str, engine: str, version: str) -> str:
    config: dict[str, Any] = {
        "kafka": {**yandex.BROKERS, "version": version},
        "postgres": {"version": version, "resources": RESOURCES},
        "clickhouse": {"version": version, "clickhouse": {"resources": RESOURCES}},
        "redis": {"version": version, "resources": yandex.VALKEY, "redis": {"password": PASSWORD}},
    }[engine]
    return str(getattr(yandex, engine)(cloud, network, config_spec=config))


@pytest.mark.parametrize(("engine", "before", "after", "is_taken"), CHANGES)
def test_a_version_changes_in_the_directions_that_the_cloud_takes(
    cloud: Cloud, network: str, engine: str, before: str, after: str, is_taken: bool
) -> None:
    service = f"mdb.{SERVICES[engine]}.v1.ClusterService"
    cluster = at(cloud, network, engine, before)
    fields = {"cluster_id": cluster, "update_mask": {"paths": ["config_spec.version"]}, "config_spec": {"version": after}}
    if is_taken:
        assert cloud.done(f"{service}/Update", **fields).config.version == after
    else:
        assert cloud.refused(f"{service}/Update", **fields).code() is grpc.StatusCode.FAILED_PRECONDITION
        assert cloud(f"{service}/Get", cluster_id=cluster).config.version == before


def test_an_upgrade_to_a_version_that_is_not_there_names_the_field(cloud: Cloud, network: str) -> None:
    cluster = at(cloud, network, "clickhouse", "25.8")
    fields = {"cluster_id": cluster, "update_mask": {"paths": ["config_spec.version"]}, "config_spec": {"version": "99.9"}}
    assert violations(cloud.refused("mdb.clickhouse.v1.ClusterService/Update", **fields)) == ["config_spec.version"]


def test_kubernetes_goes_up_one_minor_version_at_a_time(cloud: Cloud, network: str) -> None:
    cluster = yandex.kubernetes(cloud, network, yandex.cluster_account(cloud))
    service, path = "k8s.v1.ClusterService", {"paths": ["master_spec.version"]}

    def to(version: str) -> dict[str, Any]:
        return {"cluster_id": cluster, "update_mask": path, "master_spec": {"version": {"version": version}}}

    assert cloud.done(f"{service}/Update", **to("1.34")).master.version == "1.34"
    assert cloud.refused(f"{service}/Update", **to("1.33")).code() is grpc.StatusCode.FAILED_PRECONDITION
    assert cloud(f"{service}/Get", cluster_id=cluster).master.version == "1.34"


def test_every_service_with_versions_has_its_rule_with_a_source() -> None:
    text = (data.FOLDER / "upgrades.yaml").read_text()
    rows = yaml.safe_load(text)
    assert set(rows) == {engine.value for engine in contract.Engine}
    assert all(set(row) == {"down", "step"} for row in rows.values())
    sources = [line for line in text.splitlines() if re.search(r"en/managed-[a-z]+/.*, 2026-\d\d-\d\d$", line)]
    assert len(sources) == len(rows)
    assert upgrades.rule("postgresql") == upgrades.Rule(may_go_down=False, step=1)
